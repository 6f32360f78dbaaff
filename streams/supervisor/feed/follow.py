"""Reading topics as they grow, without a consumer group and without polling."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from streams.embedded.log import Log
    from streams.embedded.records import Partition, Record, Topic
    from streams.flow import Incoming

LOOK_EVERY = 5.0
"""Seconds after which the log is looked at though nobody rang."""

SETTLE = 0.1
"""Seconds between two looks, so that a busy line is read in batches."""

MAX_RECORDS = 500
MAX_BYTES = 1 << 20


class TopicReader(Protocol):
    """What is needed of a broker: `streams.embedded.log.Log` is one."""

    def topic(self, name: str) -> Topic | None:
        """Return the topic, or None while it does not exist."""

    def bounds(self, partitions: Iterable[Partition]) -> dict[Partition, tuple[int, int]]:
        """Return the low and the high water of partitions."""

    def read_many(
        self, positions: Mapping[Partition, int], *, max_records: int, max_bytes: int
    ) -> dict[Partition, list[Record]]:
        """Return records from each partition's position on."""


class Arrived(NamedTuple):
    """A record that came on a topic."""

    topic: str
    record: Record | Incoming


class Follower:
    """Reads `topics` from where they end when it is made; from the start what appears later.

    `lookback` asks for up to so many of the newest records of a topic that are there already.
    """

    def __init__(
        self, reader: TopicReader, topics: Sequence[str], lookback: Mapping[str, int] | None = None
    ) -> None:
        self._reader = reader
        self._awaited = list(topics)
        self._positions: dict[Partition, int] = {}
        self._discover(lookback or {}, at_end=True)

    def poll(self) -> list[Arrived]:
        """Return what has come, a bounded number at a time; empty when there is no more."""
        self._discover({}, at_end=False)
        if not self._positions:
            return []
        found = self._reader.read_many(
            self._positions, max_records=MAX_RECORDS, max_bytes=MAX_BYTES
        )
        came = []
        for at, records in found.items():
            self._positions[at] = records[-1].offset + 1
            came += [(record.time_ms, Arrived(at[0], record)) for record in records]
        # What one topic says of another's record comes later in the broker's time.
        came.sort(key=itemgetter(0))
        return [arrived for _, arrived in came]

    def _discover(self, lookback: Mapping[str, int], *, at_end: bool) -> None:
        for name in list(self._awaited):
            topic = self._reader.topic(name)
            if topic is None:
                continue
            self._awaited.remove(name)
            partitions = [(name, number) for number in range(topic.partitions)]
            for at, (low, high) in self._reader.bounds(partitions).items():
                start = max(low, high - lookback.get(name, 0)) if at_end else low
                self._positions[at] = start


async def follow(
    log: Log, follower: Follower, topics: Sequence[str]
) -> AsyncGenerator[list[Arrived], None]:
    """Yield what comes, as it comes. Sleeps until the log's writers ring."""
    # Only here, so that a reader of another kind needs none of it.
    from streams.embedded.wake import Bell

    loop = asyncio.get_running_loop()
    rang = asyncio.Event()
    with ExitStack() as stack:
        bell = Bell(log.database.side, topics)
        stack.callback(bell.close)
        for fd in bell.descriptors:
            loop.add_reader(fd, rang.set)
            stack.callback(loop.remove_reader, fd)
        while True:
            rang.clear()
            bell.silence()
            while arrived := follower.poll():
                yield arrived
                await asyncio.sleep(0)
            # Not wait_for, which in Python 3.11 can lose a cancellation.
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await rang.wait()
            await asyncio.sleep(SETTLE)
