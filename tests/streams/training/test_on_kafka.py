"""Two machines that could train, on one Kafka."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

from schemas.settings import Broker
from tests.streams.training.conftest import Desk
from tests.support.kafka import KafkaProcess


async def test_one_of_two_machines_trains_and_the_other_takes_over(
    tmp_path: Path, kafka: KafkaProcess
) -> None:
    topics = Broker(url=kafka.url, prefix=f"train-{uuid.uuid4().hex[:8]}", partitions=2)
    desks = [Desk(tmp_path / name, topics) for name in ("one", "two")]
    try:
        for desk in desks:
            await desk.start()
            desk.steps.hangs = {"train"}

        async def shared() -> bool:
            given = [desk.stage._partitions for desk in desks if desk.stage is not None]
            return sorted(map(len, given)) == [1, 1]

        await desks[0].until(shared, "each has a partition, and neither has all")
        await desks[0].pairs(*"abcdef")
        await desks[0].until_state("running")
        (first,) = (desk for desk in desks if desk.steps.held)
        (second,) = (desk for desk in desks if desk is not first)
        assert "snapshot" not in second.steps.done
        await first.stop()
        second.steps.hangs = set()
        promoted = await second.until_state("promoted")
        told = await second.told()
        assert {run.id for run in told} == {promoted.id}
        assert [run.state for run in told].count("planned") == 1
        assert {run.attempt for run in told} == {1}
    finally:
        for desk in desks:
            await asyncio.wait_for(desk.stop(), 30)
            desk.broker.close()
