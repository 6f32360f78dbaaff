"""Publishing: all records of a call acknowledged by every replica in sync, or an error.

Records are put into Kafka's batches here, one batch of up to 1 MiB for each partition, and sent
batch by batch. aiokafka's own `send` costs a future for each record, and with its default batches
of 16 KiB a request for every third one: a tenth of the throughput.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerClosed

from streams.embedded.partitioner import key_partition
from streams.embedded.records import MAX_RECORD_BYTES
from streams.flow import BrokerError, Outgoing
from streams.kafka.connection import Connection
from streams.kafka.errors import translated
from streams.kafka.topics import MAX_MESSAGE_BYTES

BATCH_BYTES = 1 << 20
PATIENCE = 30.0
"""Seconds that a call waits for Kafka: time for a node to be restarted or its partitions to move.
Then the call fails, its stage with it, and the supervisor starts that again with back-off."""

TOPIC_PATIENCE = 5.0
STOP_PATIENCE = 3.0

logger = logging.getLogger(__name__)


class KafkaPublisher:
    """Belongs to one event loop. Topics have the prefix already."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._counts: dict[str, int] = {}

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Return once all records are acknowledged.

        Raises:
            BrokerError: some were not, within `PATIENCE`. Some may be there all the same.
        """
        for record in records:
            _check_size(record)
        with translated(self._connection, f"publishing {len(records)} records"):
            async with asyncio.timeout(PATIENCE):
                producer = await self._started()
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._publish(producer, records)
            except (KafkaError, TimeoutError, OSError):
                # What is still queued in it would be sent after all, in the midst of what the
                # caller publishes again.
                if producer is self._producer:
                    self._producer = None
                    self._counts.clear()
                    await abandon(producer)
                raise

    async def close(self) -> None:
        """Close the connection."""
        if self._producer is not None:
            await stop(self._producer)
            self._producer = None

    async def _publish(self, producer: AIOKafkaProducer, records: Sequence[Outgoing]) -> None:
        filling: dict[tuple[str, int], Any] = {}
        full: list[tuple[tuple[str, int], Any]] = []
        for record in records:
            place = (
                record.topic,
                key_partition(record.key, await self._count(producer, record.topic)),
            )
            batch = filling.get(place)
            if batch is None or not _append(batch, record):
                if batch is not None:
                    full.append((place, batch))
                batch = filling[place] = producer.create_batch()
                if not _append(batch, record):
                    raise BrokerError("Kafka's client would not take a record into a new batch")
        sent = []
        try:
            # Full ones first: of one partition they hold the earlier records.
            for (topic, partition), batch in [*full, *filling.items()]:
                batch.close()
                sent.append(await producer.send_batch(batch, topic, partition=partition))
            await asyncio.gather(*sent)
        finally:
            for future in sent:
                future.cancel()

    async def _count(self, producer: AIOKafkaProducer, topic: str) -> int:
        count = self._counts.get(topic)
        if count is None:
            try:
                async with asyncio.timeout(TOPIC_PATIENCE):
                    count = len(await producer.partitions_for(topic))
            except TimeoutError as error:
                raise BrokerError(f"{self._connection} has no topic {topic}") from error
            self._counts[topic] = count
        return count

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = make_producer(self._connection)
                try:
                    await producer.start()
                except BaseException:
                    await abandon(producer)
                    raise
                self._producer = producer
            return self._producer


def make_producer(connection: Connection) -> AIOKafkaProducer:
    """Return a producer, not yet started, whose records are on every replica in sync once they
    are acknowledged, each once and in order."""
    return AIOKafkaProducer(
        **connection.client(),
        acks="all",
        enable_idempotence=True,
        compression_type="lz4",
        max_batch_size=BATCH_BYTES,
        max_request_size=MAX_MESSAGE_BYTES,
        linger_ms=0,
    )


async def stop(producer: AIOKafkaProducer) -> None:
    """Stop a producer that has nothing to send."""
    try:
        async with asyncio.timeout(STOP_PATIENCE):
            await producer.stop()
    except (KafkaError, OSError, TimeoutError) as error:
        logger.info("closing the connection to Kafka: %s", error)
        await abandon(producer)


async def abandon(producer: AIOKafkaProducer) -> None:
    """Stop a producer with all that it could not send yet.

    aiokafka has no call for it: an idempotent producer never gives up a batch, and stopping waits
    until all are sent.
    """
    await producer.client.close()
    producer._message_accumulator.fail_all(ProducerClosed())
    sender = producer._sender.sender_task
    while sender is not None and not sender.done():
        # Cancelled once it waits for its requests, cancelled twice it cancels them.
        sender.cancel()
        await asyncio.wait([sender], timeout=0.2)
    producer._closed = True


def _append(batch: Any, record: Outgoing) -> bool:
    return batch.append(key=record.key, value=record.value, timestamp=None) is not None


def _check_size(record: Outgoing) -> None:
    size = len(record.key) + len(record.value or b"")
    if size > MAX_RECORD_BYTES:
        raise BrokerError(
            f"a record for {record.topic} has {size} bytes; the most is {MAX_RECORD_BYTES}"
        )
