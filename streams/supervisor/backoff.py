"""How long to wait before a process that died is started again."""

from __future__ import annotations

LOOPING = 3
"""Deaths in a row, none after a healthy life, that make a crash loop."""


class Backoff:
    """The waits of one process: each twice the one before, up to `most`.

    A process that lived for `healthy` seconds starts over with the first wait.
    """

    def __init__(self, first: float, most: float, healthy: float | None = None) -> None:
        self._first = first
        self._most = max(first, most)
        self._healthy = self._most if healthy is None else healthy
        self.deaths = 0
        """Deaths in a row, without a healthy life between them."""

    @property
    def looping(self) -> bool:
        """Whether the process dies again and again."""
        return self.deaths >= LOOPING

    @property
    def healthy(self) -> float:
        """Seconds after which a life counts as healthy."""
        return self._healthy

    def died(self, lived: float) -> float:
        """Count a death after `lived` seconds and return the seconds to wait."""
        self.deaths = 1 if lived >= self._healthy else self.deaths + 1
        # The exponent is bounded because a float overflows at 2**1024.
        return min(self._first * 2.0 ** min(self.deaths - 1, 64), self._most)

    def recovered(self) -> None:
        """Forget the deaths: the process has lived long enough."""
        self.deaths = 0
