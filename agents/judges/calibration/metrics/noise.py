"""How much a judge's score of one and the same turn changes from asking to asking."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import sqrt
from statistics import fmean


def retest_difference(scores: Sequence[float]) -> float | None:
    """Return the mean absolute difference between the scores of one turn, over all pairs of them.

    In points; None where there are fewer than two.
    """
    pairs = list(combinations(scores, 2))
    return fmean(abs(a - b) for a, b in pairs) if pairs else None


def retest_deviation(turns: Sequence[Sequence[float]]) -> float | None:
    """Return the standard deviation of a judge's scores of one turn, pooled over turns, in points.

    The root of the within-turn mean square of a one-way analysis of variance; None where no turn
    was scored twice.
    """
    kept = [scores for scores in turns if len(scores) >= 2]
    free = sum(len(scores) - 1 for scores in kept)
    if not free:
        return None
    return sqrt(sum((x - fmean(scores)) ** 2 for scores in kept for x in scores) / free)


def icc(turns: Sequence[Sequence[float]]) -> float | None:
    """Return the intraclass correlation of repeated scores: 1 is no noise, 0 is nothing else.

    ICC(1,1), the one-way random model of Shrout and Fleiss (1979):
    (MSB - MSW) / (MSB + (k - 1) MSW), where the askings of a turn are exchangeable. With unequal
    numbers of them, k is k0 = (N - sum(k_i^2) / N) / (n - 1) of the unbalanced analysis of
    variance (Donner 1986). It can be negative. High values live beside bias (2606.19544): a judge
    that always gives junk 8 has no noise.

    Args:
        turns: for each turn, its scores. Turns with fewer than two are left out.

    Returns:
        None with fewer than two such turns, or where all scores are the same.
    """
    kept = [list(scores) for scores in turns if len(scores) >= 2]
    n = len(kept)
    total = sum(len(scores) for scores in kept)
    if n < 2:
        return None
    grand = sum(map(sum, kept)) / total
    between = sum(len(s) * (fmean(s) - grand) ** 2 for s in kept) / (n - 1)
    within = sum((x - fmean(s)) ** 2 for s in kept for x in s) / (total - n)
    k = (total - sum(len(s) ** 2 for s in kept) / total) / (n - 1)
    spread = between + (k - 1) * within
    return (between - within) / spread if spread > 0 else None
