"""Kafka as what keeps the records: looked through, and rewritten without some of them."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence

from schemas.settings import Settings
from streams.embedded.records import Record
from streams.embedded.records import Topic as Declared
from streams.flow import BrokerError, Outgoing, Place
from streams.forget import journal as journals
from streams.forget.alone import InUse
from streams.forget.find import Found
from streams.forget.journal import Commit, Journal, Topic, doomed_by_topic
from streams.forget.onkafka.cluster import Cluster
from streams.forget.onkafka.rewriter import Rewriter
from streams.forget.target import Target
from streams.kafka.connection import Connection
from streams.kafka.driver import SESSION_TIMEOUT
from streams.kafka.gauge import KafkaGauge
from streams.kafka.link import Link
from streams.kafka.mark import TOPIC, Rewriting, belongs_to_rewriting, read_mark
from streams.kafka.publisher import KafkaPublisher
from streams.kafka.reader import KafkaReader
from streams.kafka.topics import TopicPlan, cluster_id, ensure
from streams.seats import machine

LEAVING = SESSION_TIMEOUT + 5.0
"""Seconds for which a worker that was stopped may still count as a member of its group."""

LOOK_EVERY = 0.5
ALL = 1 << 62


class KafkaKeeper:
    """The topics of a line and of its lineages; `records` of `streams.forget.keeper.Keeper` too.

    Args:
        waiting: told which group's members are waited for, once.

    Raises:
        BrokerError: Kafka can't be reached.
    """

    def __init__(self, settings: Settings, waiting: Callable[[str], None] = lambda _: None) -> None:
        self._home = settings.paths.home
        self._prefix = settings.broker.prefix
        lineages = sorted(path.name for path in self._home.glob("lineages/*") if path.is_dir())
        self._prefixes = (f"{self._prefix}.", *(f"{self._prefix}-{name}." for name in lineages))
        self._copies = settings.broker.kafka.replication
        self._waiting = waiting
        self._connection = Connection(settings)
        self._link = Link()
        try:
            self._identity = f"{self._link.wait(cluster_id(self._connection))}-{self._prefix}"
            self._cluster, self._gauge, self._reader, self._publisher = self._link.wait(
                self._open()
            )
        except BaseException:
            self._link.close()
            raise

    @property
    def records(self) -> KafkaKeeper:
        """All there are."""
        return self

    # Looking

    def topics(self) -> list[Declared]:
        """Return the topics of the line and of the lineages made on this home."""
        found = self._link.wait(self._cluster.topics())
        return [
            Declared(name, count)
            for name, count in sorted(found.items())
            if name.startswith(self._prefixes) and not belongs_to_rewriting(name)
        ]

    def others(self) -> list[str]:
        """Return the prefixes of topics that may be of a lineage that another machine has made,
        or else of another line; they are not looked at."""
        found = {name.rpartition(".")[0] for name in self._link.wait(self._cluster.topics())}
        return sorted(
            name
            for name in found
            if name.startswith(f"{self._prefix}-") and f"{name}." not in self._prefixes
        )

    def read(self, topic: str, partition: int, start: int, /) -> list[Record]:
        """Return some records from an offset on."""
        found = self._link.wait(self._reader.read(topic, partition, start, ALL))
        return [
            Record(each.offset, each.timestamp, each.key, each.value, tuple(each.headers))
            for each in found
        ]

    def see_idle(self) -> None:
        """See that no worker is at work, on whatever machine.

        One that has ended counts as a member for another while, which is waited for.

        Raises:
            InUse: one is.
            BrokerError: Kafka did not tell.
        """
        give_up = time.monotonic() + LEAVING
        told = False
        while active := self._active():
            group, members = next(iter(active.items()))
            if time.monotonic() > give_up:
                raise InUse(
                    f"consumer group {group} has {members} worker{'s' if members > 1 else ''}, "
                    "perhaps on another machine; stop the line everywhere first, forget, and "
                    "start it again"
                )
            if not told:
                self._waiting(group)
                told = True
            time.sleep(LOOK_EVERY)

    # Removing

    def unfinished(self) -> Journal | None:
        """Return what was begun and not brought to its end on this home.

        Raises:
            PrivacyError: it can't be read.
            BrokerError: it was begun on another machine or another cluster, or Kafka did not tell.
        """
        journal = journals.read(self._home)
        if journal is not None and journal.broker != self._identity:
            raise BrokerError(
                "a forgetting was cut off on another cluster, or under another broker.prefix; set "
                "broker as it was, and run `clawback forget --resume`"
            )
        if journal is None:
            mark = self._link.wait(read_mark(self._gauge, self._reader, self._prefix))
            if mark.seat == machine(self._home):
                # All was done but saying so.
                self._mark("done")
            else:
                mark.hold_off()
        return journal

    def remove(self, target: Target, found: Found, replayed: Sequence[str]) -> None:
        """Rewrite the topics that have what was found. What is cut off is finished by `finish`."""
        if found.offsets:
            journal = self._link.wait(self._plan(target, found, replayed))
            self._link.wait(self._rewriter(journal).try_rights())
            journals.write(self._home, journal)
            self.finish()

    def finish(self) -> None:
        """Rewrite what the journal has left to be rewritten.

        Raises:
            InUse: a worker has begun meanwhile.
            BrokerError, PrivacyError, SinkError: it could not be done to the end.
        """
        journal = journals.read(self._home)
        if journal is None:
            return
        if not self._link.wait(read_mark(self._gauge, self._reader, self._prefix)).machine:
            self._mark("begun")
        self.see_idle()
        # A client that has read a topic asks for it for ever, and asking may make it.
        self._link.wait(self._reader.close())
        self._link.wait(self._rewriter(journal).run())

    def finished(self) -> None:
        """Let the line start again."""
        if journals.read(self._home) is not None:
            # In this order: a journal that was left behind would take the groups back.
            journals.remove(self._home)
            self._mark("done")

    def close(self) -> None:
        """Close the connections."""
        if not self._link.closed:
            self._link.wait(self._close())
            self._link.close()

    def _rewriter(self, journal: Journal) -> Rewriter:
        return Rewriter(self._connection, self._cluster, self._home, journal)

    def _active(self) -> dict[str, int]:
        groups = self._link.wait(self._cluster.groups(self._prefixes))
        return self._link.wait(self._cluster.active(groups))

    async def _plan(self, target: Target, found: Found, replayed: Sequence[str]) -> Journal:
        doomed = doomed_by_topic(found)
        topics = {
            name: Topic(
                partitions=shape.partitions,
                replication=shape.replication,
                configs=shape.configs,
                doomed=doomed[name],
            )
            for name in doomed
            for shape in (await self._cluster.shape(name),)
        }
        groups = await self._commits(topics, replayed)
        return Journal.begin(self._identity, target, found, topics, groups)

    async def _commits(
        self, topics: dict[str, Topic], replayed: Sequence[str]
    ) -> dict[str, tuple[Commit, ...]]:
        """Return what groups are to have committed in the end."""
        commits: dict[str, tuple[Commit, ...]] = {}
        for group in await self._cluster.groups(self._prefixes):
            committed = await self._cluster.committed(group)
            if group in replayed:
                lows = await self._lows(list(committed))
                committed = {place: (low, "") for place, low in lows.items()}
            else:
                committed = {at: each for at, each in committed.items() if at[0] in topics}
            commits[group] = tuple(
                Commit(topic=topic, partition=number, offset=offset, metadata=metadata)
                for (topic, number), (offset, metadata) in sorted(committed.items())
            )
        return commits

    async def _lows(self, places: Sequence[Place]) -> dict[Place, int]:
        known = await self._cluster.topics()
        there = [place for place in places if place[0] in known]
        bounds = await self._reader.bounds(there) if there else {}
        return {place: low for place, (low, _) in bounds.items()}

    def _mark(self, state: str) -> None:
        self._link.wait(self._write_mark(state))

    async def _write_mark(self, state: str) -> None:
        name = f"{self._prefix}.{TOPIC}"
        await ensure(self._connection, [name], TopicPlan(1, self._copies, -1))
        record = Rewriting.model_validate(
            {
                "state": state,
                "machine": socket.gethostname(),
                "seat": machine(self._home),
                "at_ms": int(time.time() * 1000),
            }
        )
        await self._publisher.publish([Outgoing(name, b"rewriting", record.to_bytes())])

    async def _open(self) -> tuple[Cluster, KafkaGauge, KafkaReader, KafkaPublisher]:
        connection = self._connection
        return (
            Cluster(connection),
            KafkaGauge(connection),
            KafkaReader(connection),
            KafkaPublisher(connection),
        )

    async def _close(self) -> None:
        await self._publisher.close()
        await self._reader.close()
        await self._gauge.close()
        await self._cluster.close()
