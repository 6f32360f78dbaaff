"""`KafkaBroker` on a real Kafka."""

import asyncio
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.partitioner import DefaultPartitioner

from schemas.settings import Broker, Kafka, Settings
from schemas.topics import TOPICS
from streams.broker import open_broker
from streams.flow import BrokerError, Outgoing
from streams.kafka import publisher
from streams.kafka.broker import KafkaBroker
from tests.support.kafka import KafkaProcess, need

Make = Callable[..., KafkaBroker]


@pytest.fixture
def make(kafka: KafkaProcess) -> Iterator[Make]:
    """Open brokers with settings of their own; all of a test have one prefix."""
    prefix = f"t{uuid.uuid4().hex[:8]}"
    opened: list[KafkaBroker] = []

    def opener(url: str = kafka.url, **settings: object) -> KafkaBroker:
        broker = open_broker(
            Settings(broker=Broker.model_validate({"url": url, "prefix": prefix, **settings}))
        )
        assert isinstance(broker, KafkaBroker)
        opened.append(broker)
        return broker

    yield opener
    for broker in opened:
        broker.close()


def ask(kafka: KafkaProcess, work):
    async def run():
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.url.removeprefix("kafka://"))
        await admin.start()
        try:
            return await work(admin)
        finally:
            await admin.close()

    return asyncio.run(run())


def configuration(kafka: KafkaProcess, topic: str) -> dict[str, str]:
    [answer] = ask(
        kafka,
        lambda admin: admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)]),
    )
    return {entry[0]: entry[1] for entry in answer.resources[0][4]}


def test_topics_are_made_to_keep_their_records(make: Make, kafka: KafkaProcess) -> None:
    broker = make(partitions=3)
    broker.ensure_topics()
    broker.ensure_topics()
    names = [f"{broker.prefix}.{topic}" for topic in TOPICS]
    told = ask(kafka, lambda admin: admin.describe_topics(names))
    assert [len(topic["partitions"]) for topic in told] == [3] * len(TOPICS)
    found = configuration(kafka, names[0])
    assert found["retention.ms"] == "-1"
    assert found["retention.bytes"] == "-1"
    assert found["cleanup.policy"] == "delete"
    assert int(found["max.message.bytes"]) > 8 << 20
    assert found["message.timestamp.type"] == "LogAppendTime"


def test_a_retention_is_told_to_kafka(make: Make, kafka: KafkaProcess) -> None:
    broker = make(retention="7d")
    broker.ensure_topics()
    assert configuration(kafka, f"{broker.prefix}.turns")["retention.ms"] == str(7 * 86_400_000)


def test_other_partitions_are_one_clear_mistake(make: Make, kafka: KafkaProcess) -> None:
    broker = make()
    ask(kafka, lambda admin: admin.create_topics([NewTopic(f"{broker.prefix}.turns", 1, 1)]))
    with pytest.raises(BrokerError, match=r"partitions = 4.*turns has 1; delete these topics"):
        broker.ensure_topics()
    make(partitions=1, prefix=f"{broker.prefix}-all").ensure_topics()
    with pytest.raises(BrokerError, match=r"write broker\.partitions = 1"):
        make(partitions=2, prefix=f"{broker.prefix}-all").ensure_topics()


def test_what_was_set_otherwise_is_warned_of(
    make: Make, kafka: KafkaProcess, caplog: pytest.LogCaptureFixture
) -> None:
    broker = make()
    topic = NewTopic(f"{broker.prefix}.turns", 4, 1, topic_configs={"retention.ms": "1000"})
    ask(kafka, lambda admin: admin.create_topics([topic]))
    give_up = time.monotonic() + 20
    while "turns has" not in caplog.text and time.monotonic() < give_up:
        # What was just made is not known to every request at once.
        broker.ensure_topics()
    assert "turns has" in caplog.text
    assert "retention.ms = 1000 (not -1)" in caplog.text


def test_more_copies_than_nodes_are_refused(make: Make) -> None:
    with pytest.raises(BrokerError, match=r"broker\.kafka\.replication = 3"):
        make(kafka={"replication": 3}).ensure_topics()


async def test_records_go_where_any_client_puts_them_in_order(make: Make) -> None:
    broker = make()
    await asyncio.to_thread(broker.ensure_topics)
    records = [
        Outgoing("turns", b"key-%d" % (n % 30), b"%d " % n + os.urandom(n % 4000))
        for n in range(3000)
    ]
    before = int(time.time() * 1000)
    await broker.publish(records)
    await broker.publish([])
    got = []
    for partition in range(4):
        end = await broker.end("turns", partition)
        at = 0
        while found := await broker.read("turns", partition, at, end):
            assert [record.offset for record in found] == list(range(at, at + len(found)))
            at += len(found)
            got += found
        assert at == end
    assert {(record.key, record.value) for record in got} == {(r.key, r.value) for r in records}
    for record in got:
        assert record.partition == DefaultPartitioner()(record.key, [0, 1, 2, 3], [0, 1, 2, 3])
        assert before - 1000 < record.timestamp_ms < before + 60_000
    for partition in range(4):
        numbers = [int(r.value.split()[0]) for r in got if r.partition == partition and r.value]
        assert numbers == sorted(numbers)


async def test_a_stretch_is_read_and_no_more(make: Make) -> None:
    broker = make(partitions=1)
    await asyncio.to_thread(broker.ensure_topics)
    await broker.publish([Outgoing("turns", b"k", b"%d" % n) for n in range(10)])
    for start, stop in ((0, 3), (7, 10), (2, 5), (5, 6), (8, 30)):
        found = await broker.read("turns", 0, start, stop)
        assert [int(record.value or b"") for record in found] == list(range(start, min(stop, 10)))
    assert await broker.read("turns", 0, 10, 20) == []
    assert await broker.read("turns", 0, 5, 5) == []


async def test_a_record_of_eight_megabytes_and_a_tombstone(make: Make) -> None:
    broker = make(partitions=1)
    await asyncio.to_thread(broker.ensure_topics)
    large = os.urandom(8 << 20)
    await broker.publish([Outgoing("turns", b"k", large), Outgoing("turns", b"k", None)])
    found = await broker.read("turns", 0, 0, 2)
    found += await broker.read("turns", 0, len(found), 2)
    assert [record.value for record in found] == [large, None]
    with pytest.raises(BrokerError, match="9000001 bytes"):
        await broker.publish([Outgoing("turns", b"k", b"x" * 9_000_000)])


async def test_a_topic_that_is_not_there_is_said(make: Make) -> None:
    with pytest.raises(BrokerError, match=r"has no topic .*turns"):
        await make().publish([Outgoing("turns", b"k", b"v")])


async def test_how_far_a_group_has_come(make: Make) -> None:
    broker = make()
    await asyncio.to_thread(broker.ensure_topics)
    places = [("turns", 0), ("turns", 1)]
    assert await broker.committed("nobody", places) == dict.fromkeys(places)
    assert await broker.committed("nobody", []) == {}


def test_the_identity_is_the_clusters_and_the_prefixs(make: Make) -> None:
    assert make().identity == make().identity != ""
    assert make().identity != make(prefix="other").identity


def test_a_broker_that_is_not_there_is_said() -> None:
    with pytest.raises(BrokerError, match=r"kafka://127\.0\.0\.1:1 can't be reached.*make kafka"):
        open_broker(Settings(broker=Broker(url="kafka://127.0.0.1:1")))


async def test_publishing_waits_for_a_kafka_that_hangs_a_while(
    make: Make, kafka: KafkaProcess
) -> None:
    broker = make(partitions=1)
    await asyncio.to_thread(broker.ensure_topics)
    await broker.publish([Outgoing("turns", b"k", b"0")])
    kafka.pause()
    threading.Timer(2, kafka.resume).start()
    started = time.monotonic()
    await broker.publish([Outgoing("turns", b"k", b"1")])
    assert 1.5 < time.monotonic() - started < 10
    assert await broker.end("turns", 0) == 2


async def test_publishing_fails_when_kafka_stays_away_and_works_when_it_is_back(
    make: Make, kafka: KafkaProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = make(partitions=1)
    await asyncio.to_thread(broker.ensure_topics)
    await broker.publish([Outgoing("turns", b"k", b"0")])
    monkeypatch.setattr(publisher, "PATIENCE", 1.0)
    kafka.pause()
    try:
        started = time.monotonic()
        calls = [broker.publish([Outgoing("turns", b"k", b"lost?")]) for _ in range(3)]
        failed = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(error, BrokerError) for error in failed), failed
        assert time.monotonic() - started < 5
    finally:
        kafka.resume()
    monkeypatch.undo()
    await broker.publish([Outgoing("turns", b"k", b"back")])
    found = await broker.read("turns", 0, 0, await broker.end("turns", 0))
    # What was in flight may have arrived after all; nothing comes after the call that failed.
    assert found[-1].value == b"back"


async def test_a_killed_kafka_has_what_it_acknowledged(tmp_path_factory) -> None:
    need()
    own = KafkaProcess(tmp_path_factory.mktemp("killed"), "--revive", "0.5")
    try:
        broker = KafkaBroker(Settings(broker=Broker(url=own.url, partitions=1)))
        await asyncio.to_thread(broker.ensure_topics)
        identity = broker.identity
        await broker.publish([Outgoing("turns", b"k", b"%d" % n) for n in range(500)])
        own.kill()
        await broker.publish([Outgoing("turns", b"k", b"%d" % n) for n in range(500, 600)])
        found = await broker.read("turns", 0, 0, 600)
        assert [int(record.value or b"") for record in found] == list(range(600))
        broker.close()
        again = KafkaBroker(Settings(broker=Broker(url=own.url, partitions=1)))
        assert again.identity == identity
        again.close()
    finally:
        own.stop()


@pytest.mark.slow
async def test_three_nodes_lose_one_and_nothing_else(tmp_path_factory) -> None:
    need()
    own = KafkaProcess(tmp_path_factory.mktemp("three"), "--nodes", "3", "--revive", "5")
    try:
        settings = Broker(url=own.url, partitions=3, kafka=Kafka(replication=3))
        broker = KafkaBroker(Settings(broker=settings))
        await asyncio.to_thread(broker.ensure_topics)
        for round_ in range(30):
            if round_ == 10:
                own.kill(2)
            await broker.publish([Outgoing("turns", b"%d" % n, b"%d" % round_) for n in range(50)])
        ends = [await broker.end("turns", partition) for partition in range(3)]
        assert sum(ends) == 1500
        broker.close()
    finally:
        own.stop()
