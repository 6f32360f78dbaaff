"""What is done about a machine that is down, and about a turn that takes it down."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from agents.judges import Judge, JudgeUnavailable
from schemas.judgement import Judgement
from schemas.reaction import Reaction
from schemas.turn import Turn

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0

TRIES = 3
"""How often a turn may take down a machine that had just answered a short question."""

POISON = "poison"
"""The reason of the abstention that follows."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pause:
    """Why a judge is not asked: since when (epoch milliseconds), and what its machine says or what
    that is wanted for."""

    since_ms: int
    reason: str


class Breaker:
    """Keeps turns from a machine that is down: one probes it, with growing pauses, and the others
    wait until it answers.

    The probe is a short question first and then the turn itself, alone. So a machine that is down
    is told from a turn that takes it down: the first is waited for however long that takes, the
    second ends as an abstention.

    `pause` is None while the machine is thought to work; `changed` is called when that changes.
    """

    def __init__(self, name: str, changed: Callable[[], None] = lambda: None) -> None:
        self.pause: Pause | None = None
        self._name = name
        self._changed = changed
        self._seconds = FIRST_PAUSE
        self._closed = asyncio.Event()
        self._closed.set()
        self._probe = asyncio.Lock()

    async def ask(self, judge: Judge, turn: Turn, reaction: Reaction | None = None) -> Judgement:
        """Return the judge's answer, however long its machine is away."""
        reaction = reaction or turn.reaction
        while True:
            await self._closed.wait()
            try:
                return await judge.judge(turn, reaction)
            except JudgeUnavailable as error:
                self._open(error)
                wish = error.retry_after
            async with self._probe:
                if not self._closed.is_set():
                    return await self._until_it_answers(judge, turn, reaction, wish)

    def _open(self, error: JudgeUnavailable) -> None:
        if self._closed.is_set():
            logger.warning("judge %s pauses: %s", self._name, error)
            self._closed.clear()
            self._seconds = FIRST_PAUSE
            self.pause = Pause(int(time.time() * 1000), str(error))
            self._changed()

    def _close(self) -> None:
        logger.warning("judge %s is back", self._name)
        self._closed.set()
        self.pause = None
        self._changed()

    async def _until_it_answers(
        self, judge: Judge, turn: Turn, reaction: Reaction | None, wish: float | None
    ) -> Judgement:
        tries = 0
        while True:
            # Spread, so that several judges on one machine do not knock at the same moment.
            await asyncio.sleep((wish or self._seconds) * random.uniform(0.9, 1.1))
            self._seconds = min(2 * self._seconds, LONGEST_PAUSE)
            answers = False
            try:
                await judge.check()
                answers = True
                answer = await judge.judge(turn, reaction)
            except JudgeUnavailable as error:
                wish = error.retry_after
                tries += answers
                if tries < TRIES:
                    continue
                logger.warning("judge %s: giving up on turn %s: %s", self._name, turn.id, error)
                answer = judge.abstention(
                    turn, POISON, f"the machine failed {tries} times at this turn alone: {error}"
                )
            self._close()
            return answer
