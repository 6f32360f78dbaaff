"""What keeps the place of a forgotten record is passed over by everything that reads a topic."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from schemas.settings import Broker as BrokerSettings
from schemas.settings import ModelJudge, Panel, Paths, Settings, SignalsJudge, Train
from schemas.topics import DEADLETTERS, JUDGEMENTS, REACTIONS, TOPICS, TURNS, VERDICTS
from streams.broker import Broker, EmbeddedBroker, open_broker
from streams.deadletters.reading import read_letters
from streams.embedded.records import Entry
from streams.flow import Outgoing
from streams.forget.find import find
from streams.forget.forgotten import Forgotten
from streams.forget.onkafka.copying import FILLER
from streams.forget.onkafka.keeper import KafkaKeeper
from streams.forget.target import Target
from streams.judging.reactions import Reactions
from streams.kafka.connection import Connection
from streams.kafka.publisher import make_producer
from streams.lineup import make_stage, stage_names
from streams.replay.topics import scan
from streams.stage import Stage
from streams.supervisor.summary import summary
from streams.table import TableStore
from tests.support.kafka import KafkaProcess
from tests.support.turns import make_turn

PARTITIONS = 2
EACH = 3
"""Fillers at the front of each partition of each topic."""


@pytest.fixture(params=["embedded", "kafka"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """A line with a stage of every kind."""
    url, prefix = "embedded", "clawback"
    if request.param == "kafka":
        kafka: KafkaProcess = request.getfixturevalue("kafka")
        url, prefix = kafka.url, f"fillers-{uuid.uuid4().hex[:8]}"
    return Settings(
        paths=Paths(home=tmp_path / "home", output=tmp_path / "output", openclaw=(tmp_path,)),
        broker=BrokerSettings(url=url, prefix=prefix, partitions=PARTITIONS),
        judges=(
            SignalsJudge(name="a", strict_on="errors"),
            # Nothing is asked of it: all that it gets is fillers, and a turn that waits.
            ModelJudge(kind="ollama", name="llm", url="http://127.0.0.1:1", model="m"),
        ),
        panels=(Panel(name="default", judges=("a",), quorum=1),),
        train=Train(enabled=True),
    )


@pytest.fixture
def broker(settings: Settings) -> Iterator[Broker]:
    """Topics that begin with fillers."""
    opened = open_broker(settings)
    opened.ensure_topics()
    fill(opened, settings)
    yield opened
    opened.close()


def fill(broker: Broker, settings: Settings) -> None:
    places = [
        (f"{broker.prefix}.{topic}", number) for topic in TOPICS for number in range(PARTITIONS)
    ]
    if isinstance(broker, EmbeddedBroker):
        now = int(time.time() * 1000)
        broker.log.append_many(
            [Entry(*place, now, None, None, FILLER) for place in places for _ in range(EACH)]
        )
    else:
        asyncio.run(publish(Connection(settings), places))


async def publish(connection: Connection, places: list[tuple[str, int]]) -> None:
    producer = make_producer(connection)
    await producer.start()
    for topic, partition in places:
        batch = producer.create_batch()
        for _ in range(EACH):
            batch.append(timestamp=None, key=None, value=None, headers=list(FILLER))
        batch.close()
        await (await producer.send_batch(batch, topic, partition=partition))
    await producer.stop()


async def read_by(broker: Broker, stage: Stage) -> bool:
    """Whether a stage has read and committed all that there is."""
    places = [(topic, number) for topic in stage.topics for number in range(PARTITIONS)]
    committed = await broker.committed(stage._group, places)
    return all([committed[place] == await broker.end(*place) for place in places])


async def written(broker: Broker, topic: str) -> int:
    return sum([await broker.end(topic, number) for number in range(PARTITIONS)])


async def test_every_stage_passes_over_them_and_works_on(
    settings: Settings, broker: Broker
) -> None:
    names = [name for name in stage_names(settings) if name != "tail"]
    stages = [make_stage(name, settings, broker) for name in names]
    try:
        for stage in stages:
            await stage.start()
        async with asyncio.timeout(40):
            for stage in stages:
                assert isinstance(stage, Stage)
                while not await read_by(broker, stage):
                    assert not stage.failed.done(), stage.failed
                    await asyncio.sleep(0.1)
        for topic in (DEADLETTERS, JUDGEMENTS, VERDICTS):
            assert await written(broker, topic) == EACH * PARTITIONS, topic
        turn = make_turn()
        await broker.publish([Outgoing(TURNS, turn.id.encode(), turn.to_bytes())])
        async with asyncio.timeout(40):
            while await written(broker, VERDICTS) == EACH * PARTITIONS:  # noqa: ASYNC110 - Kafka tells nobody
                await asyncio.sleep(0.1)
    finally:
        for stage in reversed(stages):
            await stage.stop()


async def test_whoever_reads_beside_the_line_does_not_see_them(
    settings: Settings, broker: Broker, tmp_path: Path
) -> None:
    for topic in TOPICS:
        assert [record async for record in scan(broker, topic, 0)] == []
    assert await read_letters(broker, settings) == []
    assert (await summary(broker, tmp_path, 0))[0] == "0 turns, 0 verdicts, 0 pairs, 0 dead letters"


async def test_a_judge_that_waits_for_reactions_passes_over_them(
    broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = TableStore(tmp_path / "table", "x")
    reactions = Reactions(broker, lambda: store, 60)
    assert await reactions.find("t", 0) is None
    assert store.applied(REACTIONS, 0) == EACH
    assert caplog.text == ""
    store.close()


def test_there_is_nothing_in_them_to_forget(settings: Settings, broker: Broker) -> None:
    nothing, forgotten = Target("text", "None"), Forgotten(b"k" * 32)
    if isinstance(broker, EmbeddedBroker):
        assert find(broker.log, nothing, forgotten).offsets == {}
        return
    with closing(KafkaKeeper(settings)) as keeper:
        assert {topic.name for topic in keeper.topics()} == {
            f"{broker.prefix}.{topic}" for topic in TOPICS
        }
        assert find(keeper, nothing, forgotten).offsets == {}
