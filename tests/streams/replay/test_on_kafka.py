"""A replay on Apache Kafka, and a dead letter that is read again there."""

from __future__ import annotations

import uuid

from schemas.deadletter import DeadLetter, deadletter_id
from schemas.settings import Settings
from schemas.topics import DEADLETTERS
from streams.broker import open_broker
from streams.deadletters.reading import read_letters
from streams.deadletters.retry import retry
from streams.flow import Outgoing
from tests.streams.replay.test_replay import TURNS, editions, fill, plan_of, replay, verdicts
from tests.support.kafka import KafkaProcess


async def test_a_panel_is_replayed_on_kafka(settings: Settings, kafka: KafkaProcess) -> None:
    prefix = f"replay-{uuid.uuid4().hex[:8]}"
    where = settings.broker.model_copy(update={"url": kafka.url, "prefix": prefix})
    settings = settings.model_copy(update={"broker": where})
    broker = open_broker(settings)
    try:
        broker.ensure_topics()
        await fill(broker, settings, TURNS)
        plan = await plan_of(broker, settings, "next")
        assert (plan.candidates, plan.calls) == (30, 30)
        assert await replay(broker, settings, plan) == {"asked": 30}
        assert (await plan_of(broker, settings, "next")).calls == 0
        found = await verdicts(broker, editions(settings)["next"].label)
        assert {verdict.turn_id for verdict in found} == {turn.id for turn in TURNS}

        source = f"{prefix}.candidates"
        letter = DeadLetter(
            id=deadletter_id("judge.a", source, "1:0", "why"),
            stage="judge.a",
            source=source,
            position="1:0",
            reason="why",
        )
        await broker.publish([Outgoing(DEADLETTERS, b"k", letter.to_bytes())])
        (lost,) = await read_letters(broker, settings)
        await retry(lost, broker, settings)
        (now,) = await read_letters(broker, settings)
        assert now.record.resolved
    finally:
        broker.close()
