"""What is particular to Faust on the embedded log; what every broker does is in conformance."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import faust
import pytest
from faust.exceptions import ProducerSendError

from streams.embedded.compaction import compact
from streams.embedded.inflight import Inflight
from streams.embedded.log import Log
from streams.embedded.producer import Outgoing
from streams.embedded.raw import RawSchema
from streams.embedded.records import Entry, LogFull, RecordTooLarge
from streams.embedded.retention import enforce_retention
from streams.embedded.take import focus, take
from streams.embedded.transport import faust_settings

MakeApp = Callable[..., faust.App]


@pytest.fixture
def make_app(log: Log, tmp_path: Path) -> MakeApp:
    def make(name: str = "app", **settings: object) -> faust.App:
        own = {
            "store": "memory://",
            "datadir": tmp_path / name,
            "topic_partitions": 2,
            "broker_commit_interval": 0.05,
        }
        return faust.App(
            name, broker=f"embedded://{log.path}", **(faust_settings() | own | settings)
        )

    return make


@asynccontextmanager
async def running(app: faust.App) -> AsyncIterator[faust.App]:
    async with asyncio.timeout(10):
        await app.start()
    try:
        yield app
    finally:
        await app.stop()


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - what is waited for happens in another thread or file
            await asyncio.sleep(0.01)


def fill(log: Log, count: int, partition: int = 0) -> None:
    log.append_many([Entry("in", partition, 1, b"k%d" % n, b"%d" % n) for n in range(count)])


async def test_a_batch_is_durable_in_order_and_placed_by_key(log: Log, make_app: MakeApp) -> None:
    log.create_topic("in", 3)
    async with running(make_app()) as app:
        await app.producer.send_many("in", [])
        await app.producer.send_many(
            "in",
            [Outgoing(b"%d" % (n % 5), b"%d" % n, (("h", b"x"),), time_ms=n) for n in range(100)],
        )
        records = {number: log.read("in", number, 0) for number in range(3)}
    assert sum(map(len, records.values())) == 100
    for number, mine in records.items():
        values = [int(record.value or b"") for record in mine]
        assert values == sorted(values)
        assert [record.time_ms for record in mine] == values
        assert {record.headers for record in mine} <= {(("h", b"x"),)}
        for record in mine:
            assert app.producer._partition("in", record.key, None) == number


async def test_a_batch_with_a_record_too_large_is_refused_whole(
    log: Log, make_app: MakeApp
) -> None:
    log.create_topic("in", 1)
    async with running(make_app()) as app:
        with pytest.raises(ProducerSendError) as refused:
            await app.producer.send_many(
                "in", [Outgoing(b"k", b"v"), Outgoing(b"k", b"x" * 9_000_000)]
            )
        assert isinstance(refused.value.__cause__, RecordTooLarge)
        await app.producer.send_many("in", [Outgoing(b"k", b"v")])
        await app.producer.flush()
    assert log.high_water("in", 0) == 1


async def test_senders_wait_while_too_much_is_pending(
    log: Log, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.create_topic("in", 1)
    async with running(make_app()) as app:
        gate = threading.Event()
        append = app.transport.log.append_many

        def slow(entries: list[Entry]) -> list[int]:
            gate.wait(10)
            return append(entries)

        monkeypatch.setattr(app.transport.log, "append_many", slow)
        sent = 0

        async def send() -> None:
            nonlocal sent
            for _ in range(40):
                await app.producer.send("in", None, b"x" * 1_000_000, None, None, None)
                sent += 1

        sending = asyncio.create_task(send())
        await until(lambda: sent >= 16)
        await asyncio.sleep(0.05)
        assert 16 <= sent <= 18
        gate.set()
        await sending
        await app.producer.flush()
        assert log.high_water("in", 0) == 40


async def test_nothing_is_committed_after_a_record_was_lost(
    log: Log, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.create_topic("in", 1)
    log.create_topic("out", 1)
    app = make_app()
    out = app.topic("out", schema=RawSchema())

    @app.agent(app.topic("in", schema=RawSchema()))
    async def forward(stream: faust.StreamT[bytes]) -> None:
        async for event in stream.events():
            await out.send(key=event.key, value=event.value)

    def full(_: object) -> list[int]:
        raise LogFull("no space left")

    await app.start()
    try:
        monkeypatch.setattr(app.transport.log, "append_many", full)
        fill(log, 5)
        await until(lambda: app.should_stop)
        assert isinstance(app.crash_reason, ProducerSendError)
    finally:
        await app.stop()
    assert log.committed("app", [("in", 0)]) == {("in", 0): None}


async def test_what_is_not_bytes_is_refused(log: Log, make_app: MakeApp) -> None:
    log.create_topic("in", 1)
    async with running(make_app()) as app:
        with pytest.raises(ProducerSendError, match="not bytes"):
            await app.producer.send_many("in", [Outgoing(b"k", "text")])  # type: ignore[arg-type]


async def test_a_new_topic_gets_the_apps_number_of_partitions(
    log: Log, make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(make_app()) as app:
        await (await app.producer.send("new", b"k", b"v", None, None, None))
        assert log.partitions("new") == 2
        with caplog.at_level(logging.WARNING):
            await app.topic("new", partitions=9).declare()
        assert log.partitions("new") == 2
        assert "keeps its 2 partitions" in caplog.text
        await app.topic(
            "limited", partitions=1, retention=60, config={"retention.bytes": 9}
        ).declare()
        assert log.topic("limited") == ("limited", 1, 60_000, 9, False)
    async with running(make_app("strict", topic_allow_declare=False)) as app:
        with pytest.raises(ProducerSendError, match="no topic other"):
            await app.producer.send("other", b"k", b"v", None, None, None)
        with pytest.raises(ProducerSendError, match="none has number 7"):
            await app.producer.send("new", b"k", b"v", 7, None, None)


async def test_what_retention_and_compaction_took_does_not_hold_commits_up(
    log: Log, make_app: MakeApp
) -> None:
    log.create_topic("in", 2, retention_bytes=100)
    log.create_topic("newest", 1, compact=True)
    fill(log, 100)
    enforce_retention(log, 1)
    log.append_many([Entry("newest", 0, 1, b"%d" % (n % 3 + n // 50), b"v") for n in range(60)])
    compact(log, 1, min_dirty=1)
    app = make_app()
    for topic in ("in", "newest"):

        @app.agent(app.topic(topic, schema=RawSchema()), name=f"read-{topic}")
        async def read(stream: faust.StreamT[bytes]) -> None:
            async for _ in stream:
                pass

    places = [("in", 0), ("newest", 0)]
    async with running(app):
        await until(lambda: log.committed("app", places) == {("in", 0): 100, ("newest", 0): 60})


async def test_batches_are_acknowledged_when_the_next_is_asked_for(
    log: Log, make_app: MakeApp
) -> None:
    log.create_topic("in", 1)
    fill(log, 25)
    app = make_app()
    sizes: list[int] = []
    values: list[bytes | None] = []
    go_on = asyncio.Event()

    @app.agent(app.topic("in", schema=RawSchema()))
    async def gather(stream: faust.StreamT[bytes]) -> None:
        async for events in take(stream, 10):
            sizes.append(len(events))
            values.extend(event.value for event in events)
            if len(values) == 25:
                await go_on.wait()

    async with running(app):
        await until(lambda: len(values) == 25)
        await until(lambda: log.committed("app", [("in", 0)])["in", 0] == 25 - sizes[-1])
        go_on.set()
        await until(lambda: log.committed("app", [("in", 0)])["in", 0] == 25)
        assert values == [b"%d" % n for n in range(25)]
        assert max(sizes) <= 10


async def test_a_batch_that_failed_is_read_again(log: Log, make_app: MakeApp) -> None:
    log.create_topic("in", 1)
    fill(log, 5)
    app = make_app()

    @app.agent(app.topic("in", schema=RawSchema()))
    async def fail(stream: faust.StreamT[bytes]) -> None:
        try:
            async for events in take(stream, 10):
                for event in events:
                    int(event.key)
        except ValueError as error:
            await app.crash(error)

    await app.start()
    await until(lambda: app.should_stop)
    await app.stop()
    assert isinstance(app.crash_reason, ValueError)
    assert log.committed("app", [("in", 0)]) == {("in", 0): None}


async def test_tables_write_to_the_partition_in_focus(log: Log, make_app: MakeApp) -> None:
    log.create_topic("in", 2)
    app = make_app()
    table = app.Table("last", partitions=2, key_type=str, value_type=str)

    @app.agent(app.topic("in", schema=RawSchema()))
    async def note(stream: faust.StreamT[bytes]) -> None:
        async for events in take(stream, 10):
            for event in events:
                focus(stream, event)
                table[event.key.decode()] = event.value.decode()

    fill(log, 3, partition=0)
    fill(log, 5, partition=1)
    async with running(app):
        await until(lambda: sum(lag.records for lag in log.lag("app", "in").values()) == 0)
    changelog = "app-last-changelog"
    assert [log.high_water(changelog, number) for number in (0, 1)] == [3, 5]
    assert log.topic(changelog) == (changelog, 2, -1, -1, True)


async def test_raw_records_pass_unchanged(log: Log, make_app: MakeApp) -> None:
    log.create_topic("in", 1)
    app = make_app()
    topic = app.topic("in", schema=RawSchema())
    seen: list[tuple[object, object]] = []

    @app.agent(topic)
    async def read(stream: faust.StreamT[bytes]) -> None:
        async for event in stream.events():
            seen.append((event.key, event.value))

    async with running(app):
        await topic.send(key=b"k\xff", value=b"\xfe")
        await topic.send(key=None, value=None)
        await until(lambda: len(seen) == 2)
    assert seen == [(b"k\xff", b"\xfe"), (None, None)]


async def test_subscribing_again_goes_on_where_it_was(log: Log, make_app: MakeApp) -> None:
    log.create_topic("in", 2)
    app = make_app()
    seen: list[bytes | None] = []

    @app.agent(app.topic("in", schema=RawSchema()))
    async def read(stream: faust.StreamT[bytes]) -> None:
        async for value in stream:
            seen.append(value)

    async with running(app):
        fill(log, 20)
        await until(lambda: len(seen) == 20)
        await app.consumer.commit()
        before = app.consumer_generation_id
        await app.consumer.subscribe({"in"})
        await until(lambda: app.consumer_generation_id > before and not app.rebalancing)
        fill(log, 20)
        await until(lambda: len(seen) == 40)
    assert log.committed("app", [("in", 0)]) == {("in", 0): 40}


async def test_a_standby_stops_at_once_and_takes_over_in_the_same_process(
    log: Log, make_app: MakeApp
) -> None:
    log.create_topic("in", 1)
    counts: list[list[bytes | None]] = [[], [], []]
    apps = [make_app() for _ in range(3)]
    for app, seen in zip(apps, counts, strict=True):

        @app.agent(app.topic("in", schema=RawSchema()))
        async def read(stream: faust.StreamT[bytes], seen: list[bytes | None] = seen) -> None:
            async for value in stream:
                seen.append(value)

    async with running(apps[0]):
        standing_by = [asyncio.create_task(app.start()) for app in apps[1:]]
        fill(log, 5)
        await until(lambda: len(counts[0]) == 5)
        async with asyncio.timeout(2):
            await apps[1].stop()
        assert counts[1:] == [[], []]
    async with asyncio.timeout(5):
        await standing_by[1]
    fill(log, 5)
    await until(lambda: len(counts[2]) == 5)
    await apps[2].stop()
    standing_by[0].cancel()


async def test_apps_in_one_process_wake_each_other(log: Log, make_app: MakeApp) -> None:
    log.create_topic("in", 1)
    log.create_topic("out", 1)
    one, two = make_app("one"), make_app("two")
    out = one.topic("out", schema=RawSchema())
    seen: list[bytes | None] = []

    @one.agent(one.topic("in", schema=RawSchema()))
    async def forward(stream: faust.StreamT[bytes]) -> None:
        async for event in stream.events():
            await out.send(key=event.key, value=event.value)

    @two.agent(two.topic("out", schema=RawSchema()))
    async def read(stream: faust.StreamT[bytes]) -> None:
        async for value in stream:
            seen.append(value)

    async with running(one), running(two):
        loop = asyncio.get_running_loop()
        began = loop.time()
        fill(log, 5)
        await until(lambda: len(seen) == 5)
        assert loop.time() - began < 0.5


def test_large_messages_count_until_they_are_let_go() -> None:
    class Message:
        pass

    released: list[bool] = []
    inflight = Inflight(1_000_000, lambda: released.append(True))
    small, large = Message(), Message()
    inflight.add(small, 1000)
    assert inflight.room == 1_000_000
    inflight.add(large, 2_000_000)
    assert inflight.room == 0
    del large
    assert released == [True]
    assert inflight.room == 1_000_000
