"""The line's topics in a log, as whoever stands beside the line reads them.

Free of Faust and of the settings, as the supervisor carries it all day.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from streams.embedded.log import Log
from streams.embedded.records import LogError
from streams.flow import BrokerError, Incoming, Place

READ_BYTES = 4 << 20
READ_RECORDS = 2000

_T = TypeVar("_T")


class LogTopics:
    """The topics of one prefix; a `streams.status.flow.Topics`."""

    def __init__(self, log: Log, prefix: str) -> None:
        self.log = log
        self.prefix = prefix
        self.identity = self.lineage = log.identity

    async def topics(self) -> dict[str, int]:
        """Return how many partitions each topic has."""
        start = f"{self.prefix}."
        return {
            topic.name.removeprefix(start): topic.partitions
            for topic in await self._ask(self.log.topics)
            # A table's changelog belongs to its stage and is no input.
            if topic.name.startswith(start) and not topic.compact
        }

    async def bounds(self, places: Sequence[Place]) -> dict[Place, tuple[int, int]]:
        """Return the low and the high water of partitions."""
        named = self._named(places)
        found = await self._ask(lambda: self.log.bounds(named))
        return {named[at]: bounds for at, bounds in found.items()}

    async def committed(self, stage: str, places: Sequence[Place]) -> dict[Place, int | None]:
        """Return the committed offsets."""
        named = self._named(places)
        found = await self._ask(lambda: self.log.committed(f"{self.prefix}.{stage}", named))
        return {named[at]: offset for at, offset in found.items()}

    async def read(self, topic: str, partition: int, start: int, stop: int) -> list[Incoming]:
        """Return the first records of [start, stop), at most 4 MiB or one record of them."""
        found = await self._ask(
            lambda: self.log.read(
                self._name(topic),
                partition,
                start,
                max_records=max(0, min(stop - start, READ_RECORDS)),
                max_bytes=READ_BYTES,
            )
        )
        return [
            Incoming(topic, partition, record.offset, record.time_ms, record.key, record.value)
            for record in found
            if record.offset < stop
        ]

    async def end(self, topic: str, partition: int) -> int:
        """Return the partition's high water."""
        return await self._ask(lambda: self.log.high_water(self._name(topic), partition))

    def close(self) -> None:
        """Close the log file."""
        self.log.close()

    def _name(self, topic: str) -> str:
        return f"{self.prefix}.{topic}"

    def _named(self, places: Sequence[Place]) -> dict[Place, Place]:
        return {(self._name(topic), partition): (topic, partition) for topic, partition in places}

    async def _ask(self, question: Callable[[], _T]) -> _T:
        try:
            return await asyncio.to_thread(question)
        except LogError as error:
            raise BrokerError(str(error)) from error
