"""Reading a stretch of a partition again, outside any consumer group."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.flow import BrokerError
from streams.kafka.connection import Connection
from streams.kafka.errors import translated

FETCH_BYTES = 4 << 20
MOST_RECORDS = 2000
PATIENCE = 30.0
"""Seconds until a record that must be there counts as unreachable."""


class KafkaReader:
    """Belongs to one event loop. Reading on where the last call ended costs no new seek."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._consumer: AIOKafkaConsumer | None = None
        self._busy = asyncio.Lock()
        self._partition: TopicPartition | None = None
        self._position = 0
        self._end = 0

    async def read(self, topic: str, partition: int, start: int, stop: int) -> list[Any]:
        """Return the first records of [start, stop) as aiokafka has them; empty at the end.

        Raises:
            BrokerError: Kafka did not give them.
        """
        place = TopicPartition(topic, partition)
        with translated(self._connection, f"reading {topic}/{partition} from {start}"):
            async with self._busy, asyncio.timeout(PATIENCE):
                return await self._read(place, start, stop)

    async def end(self, topic: str, partition: int) -> int:
        """Return the offset that the partition's next record will have.

        Raises:
            BrokerError: Kafka did not tell.
        """
        place = TopicPartition(topic, partition)
        with translated(self._connection, f"asking for the end of {topic}/{partition}"):
            async with self._busy, asyncio.timeout(PATIENCE):
                consumer = await self._started()
                return int((await consumer.end_offsets([place]))[place])

    async def bounds(
        self, places: Sequence[tuple[str, int]]
    ) -> dict[tuple[str, int], tuple[int, int]]:
        """Return of each partition the first offset that is kept, and the next one.

        Raises:
            BrokerError: Kafka did not tell.
        """
        wanted = [TopicPartition(*place) for place in places]
        with translated(self._connection, "asking where the topics begin and end"):
            async with self._busy, asyncio.timeout(PATIENCE):
                consumer = await self._started()
                low = await consumer.beginning_offsets(wanted)
                high = await consumer.end_offsets(wanted)
        return {(tp.topic, tp.partition): (low[tp], high[tp]) for tp in wanted}

    async def close(self) -> None:
        """Close the connection."""
        if self._consumer is not None:
            await self._consumer.stop()
            self._consumer = None

    async def _read(self, place: TopicPartition, start: int, stop: int) -> list[Any]:
        consumer = await self._started()
        if place != self._partition:
            consumer.assign([place])
            self._partition = place
            self._position = -1
            self._end = 0
        if self._end < stop:
            self._end = (await consumer.end_offsets([place]))[place]
        stop = min(stop, self._end)
        if start >= stop:
            return []
        if start != self._position:
            consumer.seek(place, start)
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            fetched = await consumer.getmany(place, timeout_ms=500, max_records=MOST_RECORDS)
            found = fetched.get(place, [])
            self._position = await consumer.position(place)
            if found or self._position >= stop:
                return [record for record in found if record.offset < stop]
        raise BrokerError(
            f"{self._connection} has {place.topic}/{place.partition} up to {stop}, "
            f"but gave nothing from {start}"
        )

    async def _started(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            consumer = AIOKafkaConsumer(
                **self._connection.client(),
                enable_auto_commit=False,
                # Below what is kept, reading begins with the first record that is.
                auto_offset_reset="earliest",
                max_partition_fetch_bytes=FETCH_BYTES,
                fetch_max_wait_ms=100,
            )
            try:
                await consumer.start()
            except BaseException:
                await consumer.stop()
                raise
            self._consumer = consumer
        return self._consumer
