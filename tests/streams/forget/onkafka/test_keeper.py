"""Topics are written anew on a real Kafka without what goes, and nothing else changes."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas.settings import Broker, Paths, Settings
from streams.broker import open_broker
from streams.flow import BrokerError, Outgoing, Place
from streams.forget import journal as journals
from streams.forget.alone import InUse
from streams.forget.find import Found
from streams.forget.home import journal_path
from streams.forget.onkafka import copying, keeper, rewriter
from streams.forget.onkafka.cluster import Cluster
from streams.forget.onkafka.keeper import KafkaKeeper
from streams.forget.target import Target
from streams.kafka.broker import KafkaBroker
from streams.kafka.connection import Connection
from tests.support.kafka import KafkaProcess

BETA = Target("session", "beta")
FILLER = (None, None, copying.FILLER)


class Killed(BaseException):
    """Ends everything, as SIGKILL does."""


class Kept(NamedTuple):
    """A record as any consumer gets it."""

    offset: int
    time_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


class Line:
    """A line's topics, and a home."""

    def __init__(self, url: str, home: Path) -> None:
        self.prefix = f"f{uuid.uuid4().hex[:8]}"
        self.settings = Settings(
            paths=Paths(home=home, output=home / "output"),
            broker=Broker(url=url, prefix=self.prefix, partitions=2),
        )
        self.turns = f"{self.prefix}.turns"
        self.reactions = f"{self.prefix}.reactions"
        broker = self.broker()
        broker.ensure_topics()
        for start in range(0, 120, 20):
            turns = [Outgoing("turns", b"%d" % n, b"turn %d" % n) for n in range(start, start + 20)]
            asyncio.run(broker.publish(turns))
        asyncio.run(broker.publish([Outgoing("turns", b"1", None)]))
        asyncio.run(broker.publish([Outgoing("reactions", b"%d" % n, b"no") for n in range(4)]))
        broker.close()
        self.produce(self.turns, 0, b"large", b"x" * (3 << 20), [("a", b"1"), ("a", b"2")])

    def broker(self) -> KafkaBroker:
        opened = open_broker(self.settings)
        assert isinstance(opened, KafkaBroker)
        return opened

    def keeper(self) -> KafkaKeeper:
        return KafkaKeeper(self.settings)

    def remove(self, offsets: dict[Place, list[int]], replayed: tuple[str, ...] = ()) -> None:
        found = Found(offsets=offsets)
        self.with_keeper(lambda kept: (kept.remove(BETA, found, replayed), kept.finished()))

    def with_keeper(self, work: Callable[[KafkaKeeper], Any]) -> Any:
        kept = self.keeper()
        try:
            return work(kept)
        finally:
            kept.close()

    def ask(self, work: Callable[[Cluster], Awaitable[Any]]) -> Any:
        async def run() -> Any:
            cluster = Cluster(Connection(self.settings))
            try:
                return await work(cluster)
            finally:
                await cluster.close()

        return asyncio.run(run())

    def produce(
        self, topic: str, partition: int, key: bytes, value: bytes, headers: list[tuple[str, bytes]]
    ) -> None:
        async def run() -> None:
            producer = AIOKafkaProducer(bootstrap_servers=self._servers, max_request_size=10 << 20)
            await producer.start()
            await producer.send_and_wait(topic, value, key, partition, headers=headers)
            await producer.stop()

        asyncio.run(run())

    def consume(self, topic: str) -> dict[int, list[Kept]]:
        """All of a topic, by partition, as a consumer reads it from the beginning."""

        async def run() -> dict[int, list[Kept]]:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._servers,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
            )
            await consumer.start()
            places = [TopicPartition(topic, number) for number in range(2)]
            consumer.assign(places)
            ends = await consumer.end_offsets(places)
            found: dict[int, list[Kept]] = {0: [], 1: []}
            await consumer.seek_to_beginning()
            while any([await consumer.position(place) < ends[place] for place in places]):
                for place, records in (await consumer.getmany(timeout_ms=100)).items():
                    found[place.partition] += [
                        Kept(each.offset, each.timestamp, each.key, each.value, tuple(each.headers))
                        for each in records
                    ]
            await consumer.stop()
            return found

        return asyncio.run(run())

    @property
    def _servers(self) -> str:
        return self.settings.broker.url.removeprefix("kafka://")


def without(records: dict[int, list[Kept]], gone: dict[Place, list[int]]) -> dict[int, list[Kept]]:
    """What should be left of a topic."""
    offsets = {number: found for (_, number), found in gone.items()}
    return {
        number: [
            Kept(each.offset, each.time_ms, *FILLER)
            if each.offset in offsets.get(number, ())
            else each
            for each in found
        ]
        for number, found in records.items()
    }


@pytest.fixture
def line(kafka: KafkaProcess, tmp_path: Path) -> Line:
    return Line(kafka.url, tmp_path)


def test_what_goes_is_gone_and_all_else_is_as_it_was(line: Line) -> None:
    before, others = line.consume(line.turns), line.consume(line.reactions)
    shape = line.ask(lambda cluster: cluster.shape(line.turns))
    gone = {(line.turns, 0): [0, 3, before[0][-1].offset - 1], (line.turns, 1): [1, 2]}
    line.remove(gone)
    assert line.consume(line.turns) == without(before, gone)
    assert line.consume(line.reactions) == others
    assert line.ask(lambda cluster: cluster.shape(line.turns)) == shape
    assert shape.configs["message.timestamp.type"] == "LogAppendTime"
    names = line.ask(lambda cluster: cluster.topics())
    assert not [name for name in names if name.startswith(line.prefix) and "rewriting" in name[-9:]]
    assert not journal_path(line.settings.paths.home).exists()


def test_the_last_record_may_go_and_the_next_one_comes_behind_it(line: Line) -> None:
    last = line.consume(line.turns)[1][-1].offset
    line.remove({(line.turns, 1): [last]})
    line.produce(line.turns, 1, b"k", b"new", [])
    found = line.consume(line.turns)[1]
    assert [each.offset for each in found] == list(range(last + 2))
    assert found[-1].value == b"new"


def test_a_topic_that_begins_late_begins_there_again(line: Line) -> None:
    line.ask(lambda cluster: cluster.cut(line.turns, {0: 4, 1: 0}))
    before = line.consume(line.turns)
    assert (before[0][0].offset, before[1][0].offset) == (4, 0)
    gone = {(line.turns, 0): [4, 6]}
    line.remove(gone)
    assert line.consume(line.turns) == without(before, gone)


def test_groups_stay_where_they_were_but_for_those_that_read_again(line: Line) -> None:
    line.ask(lambda cluster: cluster.cut(line.turns, {0: 3}))
    read = {(line.turns, 0): (5, "far"), (line.turns, 1): (7, ""), (line.reactions, 0): (1, "")}
    for name in ("extract", "pairs"):
        group = f"{line.prefix}.{name}"
        line.ask(lambda cluster, group=group: cluster.commit(group, read))
    line.remove({(line.turns, 0): [4]}, (f"{line.prefix}.pairs",))
    assert line.ask(lambda cluster: cluster.committed(f"{line.prefix}.extract")) == read
    again = {(line.turns, 0): (3, ""), (line.turns, 1): (0, ""), (line.reactions, 0): (0, "")}
    assert line.ask(lambda cluster: cluster.committed(f"{line.prefix}.pairs")) == again


def test_tables_on_every_machine_are_of_another_lineage_afterwards(line: Line) -> None:
    def lineage() -> tuple[str, str]:
        broker = line.broker()
        broker.close()
        return broker.identity, broker.lineage

    identity, before = lineage()
    line.remove({(line.turns, 0): [1]})
    same, after = lineage()
    assert same == identity == before
    assert after not in (before, identity)
    line.remove({})
    assert lineage() == (identity, after)


def test_lineages_of_this_home_belong_to_it_and_others_are_named(line: Line) -> None:
    for name in ("mine", "theirs"):
        prefix = f"{line.prefix}-{name}"
        settings = line.settings.broker.model_copy(update={"prefix": prefix})
        broker = open_broker(line.settings.model_copy(update={"broker": settings}))
        broker.ensure_topics()
        broker.close()
    (line.settings.paths.home / "lineages/mine").mkdir(parents=True)
    line.remove({(line.turns, 0): [1]})
    prefixes, others = line.with_keeper(
        lambda kept: ({topic.name.rpartition(".")[0] for topic in kept.topics()}, kept.others())
    )
    assert prefixes == {line.prefix, f"{line.prefix}-mine"}
    assert others == [f"{line.prefix}-theirs"]


def test_nothing_goes_while_a_worker_is_in_a_group(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "LEAVING", 1.0)
    waited: list[str] = []
    group = f"{line.prefix}.extract"

    async def run() -> None:
        consumer = AIOKafkaConsumer(
            line.turns, bootstrap_servers=line._servers, group_id=group, enable_auto_commit=False
        )
        await consumer.start()
        kept = await asyncio.to_thread(KafkaKeeper, line.settings, waited.append)
        try:
            with pytest.raises(InUse, match=f"consumer group {group} has 1 worker"):
                await asyncio.to_thread(kept.see_idle)
        finally:
            await consumer.stop()
        await asyncio.to_thread(kept.see_idle)
        await asyncio.to_thread(kept.close)

    asyncio.run(run())
    assert waited == [group]


def test_without_the_right_to_delete_topics_nothing_begins(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: Any) -> None:
        raise BrokerError("does not let this user do that")

    before = line.consume(line.turns)
    with monkeypatch.context() as patch:
        patch.setattr(Cluster, "delete", refuse)
        with pytest.raises(BrokerError, match="does not let this user"):
            line.remove({(line.turns, 0): [1]})
    assert not journal_path(line.settings.paths.home).exists()
    broker = line.broker()
    broker.ensure_topics()
    broker.close()
    assert line.consume(line.turns) == before


def test_a_topic_that_is_written_to_meanwhile_is_left_as_it_is(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = line.consume(line.turns)
    real = rewriter.measure

    async def measure(*arguments: Any) -> str:
        await asyncio.to_thread(line.produce, line.turns, 0, b"k", b"late", [])
        monkeypatch.setattr(rewriter, "measure", real)
        return await real(*arguments)

    monkeypatch.setattr(rewriter, "measure", measure)
    gone = {(line.turns, 0): [1]}
    with pytest.raises(BrokerError, match="was written to while it was copied"):
        line.remove(gone)
    late = line.consume(line.turns)
    assert late[0][:-1] == before[0]
    line.with_keeper(lambda kept: (kept.unfinished(), kept.finish(), kept.finished()))
    assert line.consume(line.turns) == without(late, gone)


class Deadly:
    """Ends everything at the nth change of something on Kafka or on disk, just before it."""

    CHANGES = (
        *((Cluster, name) for name in ("create", "delete", "cut", "configure", "commit")),
        (copying, "_send"),
        *((rewriter, name) for name in ("copy", "measure")),
        *((journals, name) for name in ("write", "remove")),
        (KafkaKeeper, "_mark"),
    )

    def __init__(self, patch: pytest.MonkeyPatch, at: int) -> None:
        self.left = at
        for owner, name in self.CHANGES:
            patch.setattr(owner, name, self._wrapped(getattr(owner, name)))

    def _wrapped(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                raise Killed
            return real(*arguments)

        return wrapped


@pytest.mark.parametrize(
    ("first", "step"), [(4, 5), pytest.param(1, 1, marks=pytest.mark.slow, id="all")]
)
def test_a_kill_at_any_moment_loses_nothing_and_is_made_up_for(
    line: Line, first: int, step: int
) -> None:
    group = f"{line.prefix}.extract"
    read = {(line.turns, 0): (5, "far"), (line.turns, 1): (2, "")}
    line.ask(lambda cluster: cluster.commit(group, read))
    wanted = line.consume(line.turns)
    for at in range(first, 100, step):
        gone = {(line.turns, 0): [at], (line.turns, 1): [at + 1]}
        with pytest.MonkeyPatch.context() as patch:
            deadly = Deadly(patch, at)
            with suppress(Killed):
                line.remove(gone)
        if deadly.left > 0:
            break
        held_off = line.with_keeper(lambda kept: kept.unfinished()) is not None
        assert journal_path(line.settings.paths.home).exists() == held_off
        if not held_off:
            # Either nothing had begun, or everything was done but saying so.
            assert line.consume(line.turns) in (wanted, without(wanted, gone))
            line.remove(gone)
        else:
            line.with_keeper(lambda kept: (kept.finish(), kept.finished()))
        wanted = without(wanted, gone)
        assert line.consume(line.turns) == wanted, at
        assert line.ask(lambda cluster: cluster.committed(group)) == read, at
        broker = line.broker()
        broker.ensure_topics()
        broker.close()
    assert at > 25
    shape = line.ask(lambda cluster: cluster.shape(line.turns))
    assert shape.configs["message.timestamp.type"] == "LogAppendTime"


def test_meanwhile_no_stage_starts_and_nobody_publishes(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(rewriter, "copy", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            line.remove({(line.turns, 0): [1]})
    broker = line.broker()
    with pytest.raises(BrokerError, match="run `clawback forget --resume` on"):
        broker.ensure_topics()
    with pytest.raises(BrokerError, match="is being removed from the topics"):
        asyncio.run(broker.publish([Outgoing("turns", b"k", b"v")]))
    # What only looks goes on, and sees nothing of the copy.
    assert "turns" in asyncio.run(broker.topics())
    assert not [name for name in asyncio.run(broker.topics()) if "rewriting" in name]
    broker.close()
    # Another home may not take it for its own.
    elsewhere = line.settings.paths.model_copy(update={"home": line.settings.paths.home / "b"})
    other = KafkaKeeper(line.settings.model_copy(update={"paths": elsewhere}))
    with pytest.raises(BrokerError, match="run `clawback forget --resume` on"):
        other.unfinished()
    other.close()
