"""The stage `train` on a log of its own, with steps that only note what is done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from schemas.settings import Broker, Paths, Settings, Train
from schemas.training import TrainingRequest, TrainingRun, read_training, request_id
from streams.broker import open_broker
from streams.flow import Outgoing
from streams.replay.topics import scan
from streams.stages.train import TrainStage
from tests.streams.training.fakes import FakeSteps

PATIENCE = 60.0
HOME = Broker(partitions=2)
"""The topics in a file of the home."""


class Desk:
    """A stage to be started, stopped and started again.

    Args:
        home: of the machine that it is on.
        topics: where the topics are; in the home, unless told otherwise.
        train: settings of that section.
    """

    def __init__(self, home: Path, topics: Broker = HOME, **train: object) -> None:
        self.settings = Settings(
            paths=Paths(home=home, output=home / "output"),
            broker=topics,
            train=Train.model_validate(
                {"enabled": True, "min_pairs": 3, "min_between": "0s", "model": "tiny", **train}
            ),
        )
        self.broker = open_broker(self.settings)
        self.broker.ensure_topics()
        self.steps = FakeSteps()
        self.stage: TrainStage | None = None

    async def start(self, steps: FakeSteps | None = None) -> TrainStage:
        self.steps = steps or FakeSteps()
        self.stage = TrainStage("train", self.settings, self.broker, self.steps)
        await self.stage.start()
        return self.stage

    async def stop(self) -> None:
        if self.stage is not None:
            await self.stage.stop()
            self.stage = None

    async def pairs(self, *names: str, value: bytes | None = b"{}") -> None:
        await self.broker.publish([Outgoing("pairs", name.encode(), value) for name in names])

    async def ask(self, request: str, run: str = "") -> None:
        at_ms = int(time.time() * 1000)
        record = TrainingRequest.model_validate(
            {"id": request_id(request, run, at_ms), "request": request, "run": run, "at_ms": at_ms}
        )
        await self.broker.publish(
            [Outgoing("training", (run or "now").encode(), record.to_bytes())]
        )

    async def told(self) -> list[TrainingRun]:
        """Return all records of runs, those of each in their order."""
        found = []
        for number in range(2):
            async for record in scan(self.broker, "training", number):
                if record.value == b"no json":
                    continue
                read = read_training(record.value or b"")
                if isinstance(read, TrainingRun):
                    found.append(read)
        return found

    async def states(self) -> list[str]:
        return [run.state for run in await self.told()]

    async def until(self, met: Callable[[], Awaitable[bool]], what: str) -> None:
        async def meet() -> None:
            while not await met():
                assert self.stage is not None
                if self.stage.failed.done():
                    self.stage.failed.result()
                await asyncio.sleep(0.01)

        try:
            await asyncio.wait_for(meet(), PATIENCE)
        except TimeoutError:
            raise AssertionError(f"waited in vain until {what}: {await self.told()}") from None

    async def until_state(self, state: str, count: int = 1) -> TrainingRun:
        async def there() -> bool:
            return (await self.states()).count(state) >= count

        await self.until(there, f"{count} {state}")
        return [run for run in await self.told() if run.state == state][-1]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path)
    yield made
    await made.stop()
    made.broker.close()
