"""What a run consists of, as the driver sees it.

Every step leaves what it has made in the run's folder and may be called again after a crash at any
moment: what is there is not made again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from schemas.training import TrainingProgress, TrainingRun

Told = Callable[[TrainingProgress], None]
"""Is told how far the training is."""

Doing = Callable[[str], None]
"""Is told in a few words what is being done, for a person who looks."""


class Refused(Exception):
    """The run can't be: it does not fit, or there is nothing to learn from. One line that says why
    and what would help."""


class Postponed(Exception):
    """What the run needs is not free at present. One line that says what."""


class Failed(Exception):
    """The attempt has failed. One line that says why.

    Args:
        retry: whether another attempt may end otherwise.
    """

    def __init__(self, reason: str, *, retry: bool = True) -> None:
        super().__init__(reason)
        self.retry = retry


@dataclass(frozen=True, slots=True)
class Work:
    """A run and its folder on this machine."""

    run: TrainingRun
    folder: Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the gate has decided, in one line for a person."""

    promote: bool
    sentence: str


class Steps(Protocol):
    """The steps in their order. Any of them may raise `Failed`."""

    async def begin(self) -> None:
        """Put right what a driver that was killed has left, before the first run is looked at."""

    async def plan(self, work: Work) -> tuple[str, ...]:
        """Plan the run and return the names of its hosts.

        Raises:
            Refused: it does not fit.
        """

    async def snapshot(self, work: Work) -> str:
        """Make the data set and return its fingerprint.

        Raises:
            Refused: it has no rows to train on, or none to show the model's worth by.
        """

    def hold(self, work: Work) -> AbstractAsyncContextManager[object]:
        """Hold the run's hosts while the context lasts: nothing else is on them.

        Raises:
            Postponed: they are not free in time.
        """

    def trained(self, work: Work) -> bool:
        """Whether the training is done, and needs no host any more."""

    async def train(self, work: Work, told: Told) -> None:
        """Train.

        Raises:
            Postponed: a host can't be reached or lacks something; nothing was started.
        """

    def measured(self, work: Work) -> bool:
        """Whether the gate has measured what it needs the hosts for."""

    async def measure(self, work: Work, doing: Doing) -> None:
        """Measure the candidate, on the hosts that are held."""

    async def decide(self, work: Work, doing: Doing) -> Outcome:
        """Have the candidate judged and decide.

        Raises:
            Postponed: the judges are away.
        """

    async def register(self, work: Work) -> str:
        """Put the candidate among the models, and return its id."""

    async def promote(self, candidate: str, why: str, doing: Doing) -> str:
        """Have the candidate serve from now on, and return in one line how it does."""
