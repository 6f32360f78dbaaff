"""Agreement of two judges beyond chance. Plain Python: the live stream uses it too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

BANDS: Final = ("rejected", "between", "chosen")
"""What a score means for training: 4 or less, 5 to 6, 7 or more."""


def weighted_kappa(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Return Cohen's kappa with quadratic weights: 1 is full agreement, 0 is chance.

    1 - sum((a - b)^2) / n / D, where D = var(a) + var(b) + (mean(a) - mean(b))^2 is the squared
    difference expected of independent judges with the same margins. That is the kappa of the
    confusion table (Cohen 1968) without the table, and also Lin's concordance coefficient
    (Fleiss and Cohen 1973; Lin 1989), so that half points need no rounding.

    Returns:
        None without scores, or where both judges gave one and the same score throughout.

    Raises:
        ValueError: the two have not scored the same number of turns.
    """
    if len(a) != len(b):
        raise ValueError(f"two judges of the same turns, and {len(a)} scores against {len(b)}")
    n = len(a)
    if not n:
        return None
    mean_a, mean_b = sum(a) / n, sum(b) / n
    var_a = sum((x - mean_a) ** 2 for x in a) / n
    var_b = sum((x - mean_b) ** 2 for x in b) / n
    chance = var_a + var_b + (mean_a - mean_b) ** 2
    if chance <= 0:
        return None
    return 1 - sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) / n / chance


def band(score: float, rejected: float = 4.0, chosen: float = 7.0) -> int:
    """Return which of `BANDS` a score falls in."""
    return 0 if score <= rejected else 2 if score >= chosen else 1


def confusion(a: Sequence[float], b: Sequence[float]) -> tuple[tuple[int, ...], ...]:
    """Return how often judge a's band (row) met judge b's (column), in the order of `BANDS`."""
    table = [[0] * len(BANDS) for _ in BANDS]
    for x, y in zip(a, b, strict=True):
        table[band(x)][band(y)] += 1
    return tuple(tuple(row) for row in table)
