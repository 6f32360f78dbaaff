"""Noticing that the mean of a stream has moved."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from schemas.record import Part

Direction = Literal["", "up", "down"]


class PageHinkley(Part):
    """The two-sided Page-Hinkley test (Page 1954; Hinkley 1971), as a value.

    For each side, m_t is the sum of the deviations from the running mean, less `slack` each, and
    the test is m_t - min(m_1..t) > `threshold`; `up` and `down` hold those differences. A shift
    smaller than `slack` is never seen; one of d points is seen after some
    threshold / (d - slack) values. Until `settle` values have come, nothing is said.

    The default threshold lets independent values with a standard deviation of one point pass some
    100,000 times between false alarms, and sees a shift of one point within 30 to 60.
    """

    slack: float = 0.25
    threshold: float = 20.0
    settle: int = 30
    seen: int = 0
    mean: float = 0.0
    up: float = 0.0
    down: float = 0.0

    def add(self, value: float) -> PageHinkley:
        """Return the test after one more value."""
        return self.add_all([value])

    def add_all(self, values: Iterable[float]) -> PageHinkley:
        """Return the test after several more values."""
        seen, mean, up, down = self.seen, self.mean, self.up, self.down
        for value in values:
            seen += 1
            mean += (value - mean) / seen
            up = max(0.0, up + value - mean - self.slack)
            down = max(0.0, down + mean - value - self.slack)
        return self.model_copy(update={"seen": seen, "mean": mean, "up": up, "down": down})

    @property
    def moved(self) -> Direction:
        """Which way the mean has moved; empty where it has not."""
        if self.seen < self.settle or max(self.up, self.down) <= self.threshold:
            return ""
        return "up" if self.up >= self.down else "down"
