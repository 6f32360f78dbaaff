"""A judge's machine, which a training run may want for itself.

Two locks that the kernel frees when their holder dies, in ``<home>/handover``:

- ``<judge>.wanted`` is held by whoever drives a run on that judge's machine. No turn is begun while
  it is.
- ``<judge>.busy`` is shared by all who have a turn with that judge. Who drives a run waits until it
  is free.

A judge takes `busy` before it looks at `wanted`, and a driver `wanted` before `busy`: so of two
that meet, one sees the other.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from agents.judges import Judge
from schemas.judgement import Judgement
from schemas.reaction import Reaction
from schemas.turn import Turn
from streams.embedded.locks import FileLock
from streams.judging.breaker import Pause

LOOK_EVERY = 1.0
"""Seconds between two looks at whether the machine is wanted."""

logger = logging.getLogger(__name__)


def wanted_lock(home: Path, judge: str) -> FileLock:
    """Return the lock by which a judge's machine is asked for; its file says for what.

    Raises:
        OSError: the home can't be written.
    """
    return FileLock(_folder(home) / f"{judge}.wanted")


def busy_lock(home: Path, judge: str) -> FileLock:
    """Return the lock of those who have a turn with a judge.

    Raises:
        OSError: the home can't be written.
    """
    return FileLock(_folder(home) / f"{judge}.busy")


class Machine:
    """The machine of the judge called `judge`, for one who asks it.

    `pause` is None while turns may be begun; `changed` is called when that changes.
    """

    def __init__(self, home: Path, judge: str, changed: Callable[[], None] = lambda: None) -> None:
        self.pause: Pause | None = None
        self._judge = judge
        self._changed = changed
        self._wanted = wanted_lock(home, judge)
        self._busy = busy_lock(home, judge)
        self._turns = 0
        self._watching: asyncio.Task[None] | None = None

    def watch(self, failed: Callable[[BaseException], None]) -> None:
        """Begin to look by itself, so that `pause` is told while there is nothing to ask, too."""

        async def work() -> None:
            try:
                while True:
                    self._look()
                    await asyncio.sleep(LOOK_EVERY)
            except Exception as error:  # noqa: BLE001 - the stage ends with it
                failed(error)

        self._watching = asyncio.create_task(work())

    def close(self) -> None:
        """Let go of the locks."""
        if self._watching is not None:
            self._watching.cancel()
        self._wanted.close()
        self._busy.close()

    async def free(self) -> None:
        """Wait until a turn may be begun."""
        while self._look():  # noqa: ASYNC110 - another process lets go of it
            await asyncio.sleep(LOOK_EVERY)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Have a turn with the judge, once that is allowed."""
        while not self._begin():  # noqa: ASYNC110 - another process lets go of it
            await asyncio.sleep(LOOK_EVERY)
        try:
            yield
        finally:
            self._turns -= 1
            if not self._turns:
                self._busy.release()

    def _begin(self) -> bool:
        if not self._turns and not self._busy.try_share():
            self._look()
            return False
        if self._look():
            if not self._turns:
                self._busy.release()
            return False
        self._turns += 1
        return True

    def _look(self) -> bool:
        """Say whether the machine is wanted, and note it where that is new."""
        reason = _reason(self._wanted)
        if bool(reason) != (self.pause is not None):
            if reason:
                self.pause = Pause(int(time.time() * 1000), reason)
                logger.warning("judge %s pauses: %s", self._judge, reason)
            else:
                self.pause = None
                logger.warning("judge %s goes on: its machine is free again", self._judge)
            self._changed()
        return bool(reason)


class YieldingJudge:
    """A judge that begins no turn while its machine is wanted."""

    def __init__(self, judge: Judge, machine: Machine) -> None:
        self._asked = judge
        self._machine = machine
        self.name = judge.name
        self.model = judge.model
        self.rubric = judge.rubric
        self.concurrency = judge.concurrency

    async def judge(self, turn: Turn, reaction: Reaction | None = None) -> Judgement:
        """Return the judge's answer; see `Judge.judge`."""
        async with self._machine.turn():
            return await self._asked.judge(turn, reaction)

    async def check(self) -> object:
        """Ask the machine something short; see `Judge.check`."""
        async with self._machine.turn():
            return await self._asked.check()

    def abstention(self, turn: Turn, reason: str, detail: str) -> Judgement:
        """Return the judge's abstention."""
        return self._asked.abstention(turn, reason, detail)

    async def aclose(self) -> None:
        """Let go of the judge and of its machine."""
        self._machine.close()
        await self._asked.aclose()


def wanted_for(home: Path, judge: str) -> str:
    """Return what a judge's machine is wanted for just now, "" where it is free.

    Raises:
        OSError: the home can't be written.
    """
    lock = wanted_lock(home, judge)
    try:
        return _reason(lock)
    finally:
        lock.close()


def yielding(judge: Judge, home: Path) -> Judge:
    """Return a judge that begins no turn while a training run wants its machine.

    Raises:
        OSError: the home can't be written.
    """
    return YieldingJudge(judge, Machine(home, judge.name))


def _reason(wanted: FileLock) -> str:
    if wanted.try_share():
        wanted.release()
        return ""
    return wanted.path.read_text(encoding="utf-8").strip() or "training wants its machine"


def _folder(home: Path) -> Path:
    folder = home / "handover"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
