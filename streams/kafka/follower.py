"""Reading topics as they grow, outside any consumer group: Kafka answers when something comes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.kafka.connection import Connection
from streams.kafka.errors import translated

WAIT = 5.0
"""Seconds after which a question that found nothing is asked anew."""

MOST_RECORDS = 500
FETCH_BYTES = 256 << 10
"""From each partition at once, or one record that is larger."""


class KafkaFollower:
    """Belongs to one event loop. Reads each partition from the offset given on."""

    def __init__(self, connection: Connection, starts: Mapping[tuple[str, int], int]) -> None:
        self._connection = connection
        self._starts = {TopicPartition(*place): start for place, start in starts.items()}
        self._consumer: AIOKafkaConsumer | None = None

    async def poll(self) -> list[Any]:
        """Return what has come, as aiokafka has it and in the order of Kafka's time; empty if
        nothing came for some seconds.

        Raises:
            BrokerError: Kafka refused.
        """
        with translated(self._connection, "following the topics"):
            consumer = await self._started()
            found = await consumer.getmany(timeout_ms=int(WAIT * 1000), max_records=MOST_RECORDS)
        records = [record for records in found.values() for record in records]
        for record in records:
            self._starts[TopicPartition(record.topic, record.partition)] = record.offset + 1
        # What one topic says of another's record comes later in the broker's time.
        records.sort(key=lambda record: record.timestamp)
        return records

    async def close(self) -> None:
        """Close the connection; `poll` would go on where it was."""
        if self._consumer is not None:
            consumer, self._consumer = self._consumer, None
            await consumer.stop()

    async def _started(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            consumer = AIOKafkaConsumer(
                **self._connection.client(),
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                max_partition_fetch_bytes=FETCH_BYTES,
            )
            try:
                await consumer.start()
                consumer.assign(list(self._starts))
                for place, start in self._starts.items():
                    consumer.seek(place, start)
            except BaseException:
                await consumer.stop()
                raise
            self._consumer = consumer
        return self._consumer
