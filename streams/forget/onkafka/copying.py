"""Copying a partition record by record, each at the offset that it has.

What goes, and every offset that has no record, is filled by a record without key and value, so
that what comes behind keeps its offset. Times are kept too, where the topic that is written to
takes the writer's (`message.timestamp.type=CreateTime`).
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Collection
from hashlib import blake2b
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer

from streams.flow import BrokerError
from streams.kafka.publisher import PATIENCE
from streams.kafka.reader import KafkaReader

FILLER = (("clawback.forgotten", b""),)
"""The header by which a person knows a filler."""

_HEAD = struct.Struct(">qqiii")
_HEADER = struct.Struct(">ii")


class Item(NamedTuple):
    """A record, all of it but the partition."""

    offset: int
    time_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


class Digest:
    """Tells one sequence of records from another."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=16)

    def add(self, item: Item) -> None:
        """Take in the next record."""
        lengths = (-1 if part is None else len(part) for part in (item.key, item.value))
        self._hash.update(_HEAD.pack(item.offset, item.time_ms, *lengths, len(item.headers)))
        self._hash.update(item.key or b"")
        self._hash.update(item.value or b"")
        for name, value in item.headers:
            encoded = name.encode()
            self._hash.update(_HEADER.pack(len(encoded), len(value)))
            self._hash.update(encoded + value)

    def __str__(self) -> str:
        return self._hash.hexdigest()


async def copy(
    reader: KafkaReader,
    producer: AIOKafkaProducer,
    source: str,
    target: str,
    partition: int,
    low: int,
    end: int,
    doomed: Collection[int] = (),
) -> str:
    """Copy [low, end) of a partition to the same one of an empty topic, and fill what lies before.

    Args:
        doomed: offsets of what does not come along.

    Returns:
        The digest of [low, end) as it was written.

    Raises:
        BrokerError: somebody else has written to the target.
        KafkaError, TimeoutError: Kafka did not take all.
    """
    digest = Digest()
    batch, first = producer.create_batch(), 0
    async for item in _filled(_items(reader, source, partition, low, end), end, doomed):
        if item.offset >= low:
            digest.add(item)
        if not _append(batch, item):
            await _send(producer, batch, target, partition, first)
            batch, first = producer.create_batch(), item.offset
            if not _append(batch, item):
                raise BrokerError("Kafka's client would not take a record into a new batch")
    if end:
        await _send(producer, batch, target, partition, first)
    return str(digest)


async def measure(reader: KafkaReader, topic: str, partition: int, low: int, end: int) -> str:
    """Return the digest of [low, end) of a partition as Kafka gives it.

    Raises:
        BrokerError: Kafka did not give it.
    """
    digest = Digest()
    async for item in _items(reader, topic, partition, low, end):
        digest.add(item)
    return str(digest)


async def _items(
    reader: KafkaReader, topic: str, partition: int, start: int, stop: int
) -> AsyncIterator[Item]:
    while start < stop and (records := await reader.read(topic, partition, start, stop)):
        for record in records:
            yield Item(
                record.offset, record.timestamp, record.key, record.value, tuple(record.headers)
            )
        start = records[-1].offset + 1


async def _filled(
    items: AsyncIterator[Item], end: int, doomed: Collection[int]
) -> AsyncIterator[Item]:
    """Yield one item for each offset up to `end`."""
    at = time_ms = 0
    async for item in items:
        time_ms = item.time_ms
        for missing in range(at, item.offset):
            yield Item(missing, time_ms, None, None, FILLER)
        goes = item.offset in doomed
        yield Item(item.offset, time_ms, None, None, FILLER) if goes else item
        at = item.offset + 1
    for missing in range(at, end):
        yield Item(missing, time_ms, None, None, FILLER)


def _append(batch: Any, item: Item) -> bool:
    made = batch.append(
        timestamp=item.time_ms, key=item.key, value=item.value, headers=list(item.headers)
    )
    return made is not None


async def _send(
    producer: AIOKafkaProducer, batch: Any, topic: str, partition: int, first: int
) -> None:
    batch.close()
    async with asyncio.timeout(PATIENCE):
        sent = await (await producer.send_batch(batch, topic, partition=partition))
    # A batch that had to be sent again may be acknowledged without its offset.
    if sent.offset not in (first, -1):
        raise BrokerError(
            f"{topic}/{partition} was written to by somebody else while it was copied; stop what "
            "did, and run `clawback forget --resume`"
        )
