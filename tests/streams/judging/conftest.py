"""A judge's stage on a log of its own, and the judge's machine: a scripted server on loopback."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from agents.judges import Judge
from agents.judges.factory import make_judge
from agents.judges.fake import FakeJudge
from agents.judges.llm import PROBE
from schemas.judgement import Judgement
from schemas.reaction import Reaction, reaction_id
from schemas.settings import Broker, ModelJudge, Paths, Settings
from schemas.turn import Turn
from streams.broker import EmbeddedBroker, open_broker
from streams.flow import Outgoing
from streams.judging import JudgeStage, breaker
from tests.agents.conftest import build


class Desk:
    """One judge's stage, to be started, stopped and started again."""

    def __init__(self, home: Path, fake: FakeJudge) -> None:
        self.fake = fake
        self.settings = Settings(paths=Paths(home=home), broker=Broker(partitions=2))
        broker = open_broker(self.settings)
        assert isinstance(broker, EmbeddedBroker)
        self.broker = broker
        self.broker.ensure_topics()
        self.stage: JudgeStage | None = None

    async def start(
        self, judge: Judge | None = None, *, reaction_wait: float = 0, **options: Any
    ) -> JudgeStage:
        config = {"kind": "ollama", "name": "llm", "url": self.fake.url, "model": "fake-judge"}
        made = judge or make_judge(ModelJudge(**{"timeout": 5, **config, **options}), backoff=0.001)
        self.stage = JudgeStage(made, self.settings, self.broker, reaction_wait=reaction_wait)
        await self.stage.start()
        return self.stage

    async def stop(self) -> None:
        if self.stage is not None:
            await self.stage.stop()
            self.stage = None

    async def come(self, turns: Iterable[Turn]) -> None:
        await self.broker.publish(
            [Outgoing("candidates", turn.id.encode(), turn.to_bytes()) for turn in turns]
        )

    async def react(self, turn: Turn, text: str) -> None:
        said = Reaction(id=reaction_id(turn.id, 1, text), turn_id=turn.id, text=text, at_ms=1)
        await self.broker.publish([Outgoing("reactions", turn.id.encode(), said.to_bytes())])

    async def judgements(self) -> list[Judgement]:
        return [Judgement.from_bytes(value) for value in await self.records("judgements")]

    async def records(self, topic: str) -> list[bytes]:
        found = []
        for partition in range(2):
            start, stop = 0, await self.broker.end(topic, partition)
            while records := await self.broker.read(topic, partition, start, stop):
                found += [record.value or b"" for record in records]
                start = records[-1].offset + 1
        return found

    async def until(self, met: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while not await met():
                if self.stage is not None and self.stage.failed.done():
                    self.stage.failed.result()
                await asyncio.sleep(0.01)

    async def until_judged(self, count: int) -> list[Judgement]:
        async def judged() -> bool:
            return len(await self.judgements()) >= count

        await self.until(judged)
        return await self.judgements()

    async def until_idle(self) -> None:
        """Wait until all candidates have been acknowledged and committed."""
        places = [("candidates", number) for number in range(2)]

        async def idle() -> bool:
            found = await self.broker.committed("judge.llm", places)
            return all([(found[at] or 0) == await self.broker.end(*at) for at in places])

        await self.until(idle)

    def asked(self) -> Counter[str]:
        """How often each turn was asked about, by its request."""
        return Counter(
            each.prompt.partition("THE USER'S REQUEST\n| ")[2].partition("\n")[0]
            for each in self.fake.asked
            if each.prompt != PROBE[0].content
        )


def turns(count: int, **fields: Any) -> list[Turn]:
    return [
        build(request=f"turn {number}", asked_ms=1_795_000_000_000 + number * 1000, **fields)
        for number in range(count)
    ]


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(breaker, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(breaker, "LONGEST_PAUSE", 0.1)
    async with FakeJudge() as fake:
        desk = Desk(tmp_path, fake)
        yield desk
        await desk.stop()
        desk.broker.close()
