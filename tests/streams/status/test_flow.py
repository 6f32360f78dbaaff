"""How far the stages have come, on either broker."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.settings import Broker, Paths, Settings
from schemas.topics import TOPICS
from streams.broker import Broker as Opened
from streams.broker import EmbeddedBroker, open_broker
from streams.flow import Outgoing
from streams.status.flow import StageProgress, measure


@pytest.fixture(params=["embedded", "kafka"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """A broker with names of its own."""
    url = "embedded" if request.param == "embedded" else request.getfixturevalue("kafka").url
    settings = Settings(
        broker=Broker(url=url, prefix=f"f{uuid.uuid4().hex[:8]}", partitions=2),
        paths=Paths(home=tmp_path),
    )
    opened = open_broker(settings)
    yield opened
    opened.close()


async def commit(broker: Opened, stage: str, offsets: dict[tuple[str, int], int]) -> None:
    """Commit as the stage's group does."""
    named = {(f"{broker.prefix}.{topic}", number): at for (topic, number), at in offsets.items()}
    group = f"{broker.prefix}.{stage}"
    if isinstance(broker, EmbeddedBroker):
        broker.log.commit(group, named)
        return
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker.url.removeprefix("clawback-kafka://"),
        group_id=group,
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition(*place) for place in named])
        await consumer.commit({TopicPartition(*place): at for place, at in named.items()})
    finally:
        await consumer.stop()


async def test_there_may_be_no_topics_yet(broker: Opened) -> None:
    flow = await measure(broker, ("tail", "extract"))
    assert flow.topics == ()
    assert flow.stages == (StageProgress("extract", f"{broker.prefix}.extract", (), 0, 0),)


async def test_topics_are_counted_and_stages_lag_behind_them(broker: Opened) -> None:
    await asyncio.to_thread(broker.ensure_topics)
    await broker.publish([Outgoing("turns", b"k%d" % n, b"v") for n in range(40)])
    await broker.publish([Outgoing("verdicts", b"k%d" % n, b"v") for n in range(10)])
    ends = {place: high for place, (_, high) in (await broker.bounds([("turns", 0)])).items()}
    await commit(broker, "prefilter", ends)
    await commit(broker, "pairs", {**ends, ("verdicts", 1): 1})
    flow = await measure(broker, ("tail", "extract", "prefilter", "pairs"))
    assert [topic.name for topic in flow.topics] == sorted(TOPICS)
    written = {topic.name: (topic.written, topic.records) for topic in flow.topics}
    assert (written["turns"], written["verdicts"]) == ((40, 40), (10, 10))
    read = ends["turns", 0]
    assert 0 < read < 40
    extract, prefilter, pairs = flow.stages
    assert (extract.topics, extract.committed, extract.lag) == (("entries",), 0, 0)
    assert (prefilter.topics, prefilter.committed, prefilter.lag) == (("turns",), read, 40 - read)
    assert (pairs.topics, pairs.committed) == (("turns", "verdicts"), read + 1)
    assert pairs.lag == 50 - read - 1


async def test_what_comes_is_followed_from_the_newest_on(broker: Opened) -> None:
    follow = getattr(broker, "follow", None)
    if follow is None:
        pytest.skip("the embedded log is followed by its bell, see test_feed.py")
    await asyncio.to_thread(broker.ensure_topics)
    await broker.publish([Outgoing("turns", b"k", b"%d" % n) for n in range(10)])
    await broker.publish([Outgoing("verdicts", b"k", b"old")])
    came: list[tuple[str, bytes | None]] = []

    async def reading() -> None:
        async for records in follow(("turns", "verdicts"), {"turns": 3}):
            came.extend((record.topic, record.value) for record in records)

    task = asyncio.create_task(reading())
    async with asyncio.timeout(30):
        while len(came) < 3:  # noqa: ASYNC110 - what is waited for is in another task
            await asyncio.sleep(0.02)
        await broker.publish([Outgoing("verdicts", b"k", b"new")])
        while len(came) < 4:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.02)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    turns = [("turns", b"7"), ("turns", b"8"), ("turns", b"9")]
    assert came == [*turns, ("verdicts", b"new")]
