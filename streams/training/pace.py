"""How fast a training moves, measured on its own steps."""

from __future__ import annotations

from collections import deque

from schemas.training import TrainingProgress

STEPS = 50
"""Steps that count: the first ones after a start are slow, and hosts change their speed."""


class Pace:
    """Is shown each progress with the time of a monotonic clock at which it came."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, float]] = deque(maxlen=STEPS)
        self._steps = 0

    def take(self, progress: TrainingProgress, at: float) -> None:
        """Take in how far it is."""
        if self._seen and progress.step <= self._seen[-1][0]:
            # It has gone back to a checkpoint.
            self._seen.clear()
        self._seen.append((progress.step, at))
        self._steps = progress.steps

    @property
    def seconds_per_step(self) -> float | None:
        """The mean over the last steps; None before two have been seen."""
        if len(self._seen) < 2:
            return None
        (first, began), (last, at) = self._seen[0], self._seen[-1]
        return (at - began) / (last - first)

    @property
    def seconds_left(self) -> float | None:
        """What the steps to come will take at this pace; None where there is none yet."""
        each = self.seconds_per_step
        return None if each is None else each * max(self._steps - self._seen[-1][0], 0)
