"""Writing topics anew without some of their records.

Each topic is copied without what goes, the copy compared with what was read, the topic deleted
and made again, and the copy copied back. Each step is noted in the journal when it is done, and
each can be done again from its beginning: at any moment the topic is whole, or its copy is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from streams.flow import BrokerError
from streams.forget import journal as journals
from streams.forget.journal import Journal, Phase, Stretch, Topic
from streams.forget.onkafka.cluster import Cluster, Shape
from streams.forget.onkafka.copying import copy, measure
from streams.kafka.connection import Connection
from streams.kafka.errors import translated
from streams.kafka.mark import STAGING
from streams.kafka.publisher import abandon, make_producer, stop
from streams.kafka.reader import KafkaReader

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiokafka import AIOKafkaProducer

MEANWHILE = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "message.timestamp.type": "CreateTime",
}
"""What a topic is set to while it is written: it takes the records' times, and keeps all."""

logger = logging.getLogger(__name__)


class Rewriter:
    """Belongs to one event loop. Nobody else may write to the topics.

    Args:
        home: where the journal is.
        journal: what is to be done, or is left to do.
    """

    def __init__(
        self, connection: Connection, cluster: Cluster, home: Path, journal: Journal
    ) -> None:
        self._connection = connection
        self._cluster = cluster
        self._home = home
        self.journal = journal

    async def try_rights(self) -> None:
        """See that topics may be made and deleted, before anything is changed.

        Raises:
            BrokerError: they may not.
        """
        for name, topic in self.journal.topics.items():
            await self._make(name + STAGING, topic)
            await self._cluster.delete(name + STAGING)

    async def run(self) -> None:
        """Bring all topics to their end, and what groups have committed of them.

        Raises:
            BrokerError: Kafka did not do it, or somebody else has written to a topic.
            SinkError: the journal can't be written.
        """
        for name in self.journal.topics:
            if self._topic(name).phase == "copying":
                self._note(name, "verified", await self._copy_out(name))
            if self._topic(name).phase == "verified":
                await self._copy_back(name)
                self._note(name, "restored")
            if self._topic(name).phase == "restored":
                await self._cluster.delete(name + STAGING)
                self._note(name, "done")
        for group, commits in self.journal.groups.items():
            await self._cluster.commit(
                group,
                {(each.topic, each.partition): (each.offset, each.metadata) for each in commits},
            )

    async def _copy_out(self, name: str) -> tuple[Stretch, ...]:
        """Copy a topic without what goes, and return what its copy was found to hold."""
        logger.info("copying %s", name)
        staging = name + STAGING
        await self._make(staging, self._topic(name))
        before = await self._bounds(name)
        copied = await self._copy(name, staging, before)
        await self._compare(staging, copied)
        if [each.end for each in await self._bounds(name)] != [each.end for each in before]:
            raise BrokerError(
                f"{name} was written to while it was copied, and is as it was; stop what writes to "
                "it, and run `clawback forget --resume`"
            )
        return copied

    async def _copy_back(self, name: str) -> None:
        """Make a topic anew from its copy."""
        logger.info("writing %s anew", name)
        topic = self._topic(name)
        await self._make(name, topic)
        # The copy has fillers in front of what was there first.
        await self._copy(name + STAGING, name, topic.stretches)
        await self._compare(name, topic.stretches)
        await self._cluster.cut(name, {at: each.low for at, each in enumerate(topic.stretches)})
        await self._cluster.configure(name, topic.configs)

    async def _make(self, name: str, topic: Topic) -> None:
        """Make a topic with nothing on it."""
        configs = topic.configs | MEANWHILE
        await self._cluster.create(name, Shape(topic.partitions, topic.replication, configs))

    async def _copy(
        self, source: str, target: str, stretches: Sequence[Stretch]
    ) -> tuple[Stretch, ...]:
        doomed = self._topic(source).doomed if source in self.journal.topics else {}
        found = []
        async with self._reader() as reader, self._producer() as producer:
            for number, each in enumerate(stretches):
                goes = frozenset(doomed.get(number, ()))
                with translated(self._connection, f"copying {source}/{number}"):
                    digest = await copy(
                        reader, producer, source, target, number, each.low, each.end, goes
                    )
                found.append(Stretch(low=each.low, end=each.end, digest=digest))
        return tuple(found)

    async def _compare(self, name: str, wanted: Sequence[Stretch]) -> None:
        """See that a topic that was just written holds what it should, as Kafka gives it."""
        bounds = await self._bounds(name)
        async with self._reader() as reader:
            for number, (each, (_, end)) in enumerate(
                zip(wanted, ((bound.low, bound.end) for bound in bounds), strict=True)
            ):
                digest = await measure(reader, name, number, each.low, each.end)
                if (end, digest) != (each.end, each.digest):
                    raise BrokerError(
                        f"{name}/{number} does not hold what was written to it; what it was copied "
                        "from is whole. Run `clawback forget --resume`"
                    )

    async def _bounds(self, name: str) -> tuple[Stretch, ...]:
        places = [(name, number) for number in range(self._partitions(name))]
        async with self._reader() as reader:
            found = await reader.bounds(places)
        return tuple(Stretch(low=found[place][0], end=found[place][1]) for place in places)

    def _partitions(self, name: str) -> int:
        return self._topic(name.removesuffix(STAGING)).partitions

    # Clients are made for each use: one that knows a topic would have it made again, where Kafka
    # makes topics that are asked for, and would go on with the ids of the one that was deleted.

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[KafkaReader]:
        reader = KafkaReader(self._connection)
        try:
            yield reader
        finally:
            await reader.close()

    @asynccontextmanager
    async def _producer(self) -> AsyncIterator[AIOKafkaProducer]:
        producer = make_producer(self._connection)
        try:
            await producer.start()
            yield producer
        except BaseException:
            await asyncio.shield(abandon(producer))
            raise
        await stop(producer)

    # The journal

    def _topic(self, name: str) -> Topic:
        return self.journal.topics[name]

    def _note(self, name: str, phase: Phase, stretches: Sequence[Stretch] = ()) -> None:
        changed = {"phase": phase, "stretches": tuple(stretches) or self._topic(name).stretches}
        topics = self.journal.topics | {name: self._topic(name).model_copy(update=changed)}
        self.journal = self.journal.model_copy(update={"topics": topics})
        journals.write(self._home, self.journal)
