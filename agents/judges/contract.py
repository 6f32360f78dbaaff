"""What a judge is, to the stage that runs it."""

from __future__ import annotations

from typing import Protocol

from schemas.judgement import Judgement
from schemas.reaction import Reaction
from schemas.turn import Turn


class Judge(Protocol):
    """Scores turns. `name`, `model` and `rubric` are part of each judgement's identity;
    `concurrency` is how many turns it can be given at the same time."""

    @property
    def name(self) -> str:
        """Its name in verdicts and panels."""

    @property
    def model(self) -> str:
        """What does the judging."""

    @property
    def rubric(self) -> str:
        """The version of the rules it judges by."""

    @property
    def concurrency(self) -> int:
        """How many turns it can be given at the same time."""

    async def judge(self, turn: Turn, reaction: Reaction | None = None) -> Judgement:
        """Return the scores of a turn, or an abstention that says why there are none.

        Raises:
            JudgeUnavailable: the machine is down or not set up; any other turn would fare the same.
        """

    async def check(self) -> object:
        """Ask its machine something short, to see whether it works at all.

        Raises:
            JudgeUnavailable: it does not.
        """

    def abstention(self, turn: Turn, reason: str, detail: str) -> Judgement:
        """Return an abstention of this judge on a turn that it could not be brought to judge.

        Args:
            turn: the turn.
            reason: one word.
            detail: one line for a person.
        """

    async def aclose(self) -> None:
        """Let go of connections and child processes. The judge is not used after that."""


class JudgeUnavailable(Exception):
    """A judge's machine can't answer now, whatever it is asked. One line that says what to do.

    A stage that sees it keeps the turn and waits: abstaining would lose a whole backlog to a
    machine that is switched off. `retry_after` is the server's own wish, in seconds.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
