"""The broker as stages see it beside Faust: making topics, publishing a batch, reading back.

Faust carries the records to the agents. What Faust has no call for stands here: one transaction
for all that follows from a batch, and reading a stretch of a topic again without a consumer group.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from schemas.settings import Settings
from schemas.topics import TOPICS
from streams.embedded.log import Log
from streams.embedded.partitioner import Partitioner
from streams.embedded.records import Entry, LogError
from streams.embedded.topics import LogTopics
from streams.flow import BrokerError, Incoming, Outgoing, Place


class Broker(Protocol):
    """Where topics live."""

    url: str
    """What Faust is told to connect to."""

    prefix: str
    """The first part of every topic and group name."""

    identity: str
    """Names this broker's data for good: another log file, or cluster, or prefix on a cluster, has
    another one."""

    lineage: str
    """What tables are computed from: the identity, and another one after records were forgotten
    on topics that several machines have tables of. A table of another lineage is built anew."""

    @property
    def shares_partitions(self) -> bool:
        """Whether the workers of a stage share its partitions, each with a table of its own. If
        not, one of them works and the others stand by for its table."""

    def faust_settings(self, member: str) -> dict[str, Any]:
        """Return what ``faust.App`` is to be told of this broker beside its url.

        Args:
            member: names this worker in its group, the same after a restart; no two at once.
        """

    def ensure_topics(self) -> None:
        """Make the topics that are not there yet.

        Raises:
            BrokerError: the broker is not there, or has a topic with other partitions.
        """

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Publish all records; durable on return. See `streams.flow.Publisher`."""

    async def read(self, topic: str, partition: int, start: int, stop: int) -> list[Incoming]:
        """Return some records of [start, stop), the first ones; empty at the end."""

    async def end(self, topic: str, partition: int) -> int:
        """Return the offset that the partition's next record will have."""

    async def topics(self) -> dict[str, int]:
        """Return how many partitions each topic of the line has, by its bare name; those that
        are not there yet are left out."""

    async def bounds(self, places: Sequence[Place]) -> dict[Place, tuple[int, int]]:
        """Return of each partition the first offset that is kept, and the one that its next
        record will have. The topics must be there."""

    async def committed(self, stage: str, places: Sequence[Place]) -> dict[Place, int | None]:
        """Return for each topic and partition the offset that a stage reads next, as its group
        has committed it; None if it has not read any."""

    def close(self) -> None:
        """Let go of the broker."""


class EmbeddedBroker(LogTopics):
    """The log in one SQLite file."""

    shares_partitions = False

    def __init__(self, path: Path, settings: Settings) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.url = f"embedded://{path}"
        self._partitions = settings.broker.partitions
        self._retention_ms = (
            int(settings.broker.retention * 1000) if settings.broker.retention > 0 else -1
        )
        self._place = Partitioner()
        self._counts: dict[str, int] = {}
        try:
            super().__init__(Log(path), settings.broker.prefix)
        except LogError as error:
            raise BrokerError(str(error)) from error

    def faust_settings(self, member: str) -> dict[str, Any]:  # noqa: ARG002 - one at a time works
        """Return what ``faust.App`` is to be told of this broker beside its url."""
        # Only a stage has use for Faust; importing it takes a second.
        from streams.embedded.transport import faust_settings

        return faust_settings()

    def ensure_topics(self) -> None:
        """Make the topics that are not there yet; what exists keeps its partitions."""
        for topic in TOPICS:
            self.log.create_topic(
                self._name(topic), self._partitions, retention_ms=self._retention_ms
            )

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Append all records in one transaction, or none."""
        if not records:
            return
        now = int(time.time() * 1000)
        entries = [
            Entry(
                self._name(record.topic),
                self._place(record.key, self._count(record.topic)),
                now,
                record.key,
                record.value,
            )
            for record in records
        ]
        try:
            await asyncio.to_thread(self.log.append_many, entries)
        except LogError as error:
            raise BrokerError(str(error)) from error

    def _count(self, topic: str) -> int:
        count = self._counts.get(topic)
        if count is None:
            count = self._counts[topic] = self.log.partitions(self._name(topic))
        return count


def log_path(settings: Settings) -> Path:
    """Return where the embedded log is kept."""
    return settings.paths.home / "log" / "clawback.db"


def open_broker(settings: Settings) -> Broker:
    """Open the broker that the settings name.

    Raises:
        BrokerError: it is unknown, or can't be reached.
    """
    if settings.broker.url == "embedded":
        return EmbeddedBroker(log_path(settings), settings)
    if settings.broker.url.startswith("kafka://"):
        # aiokafka takes a tenth of a second and 20 MB, which the embedded log has no use for.
        from streams.kafka.broker import KafkaBroker

        return KafkaBroker(settings)
    raise BrokerError(
        f'broker.url = {settings.broker.url!r} is unknown; write "embedded", which keeps the '
        'topics in one file under paths.home, or "kafka://host:9092"'
    )
