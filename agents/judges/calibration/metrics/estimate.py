"""A figure and how sure it is."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

from schemas.record import Part

LEVEL: float = 0.95
"""How sure an interval is."""


class Estimate(Part):
    """A figure, and the interval it lies in with 95 % confidence. `n` items went into it."""

    value: float
    low: float
    high: float
    n: int


def share(hits: int, total: int, level: float = LEVEL) -> Estimate | None:
    """Return a proportion with Wilson's score interval (1927); None of nothing.

    The bootstrap calls 10 of 10 certain; Wilson's interval says 0.72 to 1.
    """
    if total <= 0:
        return None
    z = NormalDist().inv_cdf((1 + level) / 2)
    p = hits / total
    middle = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    low = 0.0 if hits == 0 else max(0.0, middle - half)
    high = 1.0 if hits == total else min(1.0, middle + half)
    return Estimate(value=p, low=low, high=high, n=total)
