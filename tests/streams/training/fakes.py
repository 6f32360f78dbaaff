"""The steps of a run without hosts, models or judges: they note what is done, and leave marks in
the run's folder as the real ones do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from schemas.training import TrainingProgress
from streams.training.steps import Doing, Outcome, Told, Work


class FakeSteps:
    """Each step is noted in `done`; `raises` and `hangs` say what goes wrong in which."""

    def __init__(self, *, promote: bool = True) -> None:
        self.done: list[str] = []
        self.raises: dict[str, Exception] = {}
        self.hangs: set[str] = set()
        self.at = asyncio.Event()
        self.held = 0
        self.progress: list[TrainingProgress] = []
        self._promote = promote

    async def _do(self, step: str) -> None:
        self.done.append(step)
        if step in self.hangs:
            self.at.set()
            await asyncio.Event().wait()
        if step in self.raises:
            raise self.raises[step]

    async def begin(self) -> None:
        await self._do("begin")

    async def snapshot(self, work: Work) -> str:  # noqa: ARG002
        await self._do("snapshot")
        return "f1"

    async def plan(self, work: Work) -> tuple[str, ...]:  # noqa: ARG002
        await self._do("plan")
        return ("spark1", "spark2")

    def hold(self, work: Work) -> AbstractAsyncContextManager[object]:
        return self._hold(work)

    @asynccontextmanager
    async def _hold(self, work: Work) -> AsyncIterator[None]:  # noqa: ARG002
        await self._do("hold")
        self.held += 1
        try:
            yield
        finally:
            self.held -= 1

    def trained(self, work: Work) -> bool:
        return (work.folder / "done.json").exists()

    async def train(self, work: Work, told: Told) -> None:
        assert self.held == 1
        for progress in self.progress:
            told(progress)
            await asyncio.sleep(0)
        await self._do("train")
        (work.folder / "done.json").touch()

    def measured(self, work: Work) -> bool:
        return (work.folder / "measured.json").exists()

    async def measure(self, work: Work, doing: Doing) -> None:
        assert self.held == 1
        doing("measures answers")
        await self._do("measure")
        (work.folder / "measured.json").touch()

    async def decide(self, work: Work, doing: Doing) -> Outcome:  # noqa: ARG002
        assert self.held == 0, "judges can't judge while their hosts are held"
        await self._do("decide")
        return Outcome(self._promote, "better with 97 % confidence")

    async def register(self, work: Work) -> str:  # noqa: ARG002
        await self._do("register")
        return "m1"

    async def promote(self, candidate: str, why: str, doing: Doing) -> str:  # noqa: ARG002
        await self._do("promote")
        return "Ollama is away"
