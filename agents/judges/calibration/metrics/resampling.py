"""Estimates with their uncertainty: a bootstrap over the turns that items were made from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from agents.judges.calibration.metrics.estimate import LEVEL, Estimate

Floats = npt.NDArray[np.float64]


class Resampling:
    """The percentile bootstrap (Efron and Tibshirani 1993, chapter 13), over clusters.

    Items made from one turn stand or fall together, so turns are drawn with replacement and each
    brings all of its items along (Davison and Hinkley 1997, section 3.8). A draw is kept as how
    often each turn came up: every statistic here is a ratio of sums with such weights, so that
    thousands of draws are one matrix product.

    Args:
        clusters: what the items were made from; duplicates count once.
        draws: how many resamples.
        seed: the same one gives the same intervals.
    """

    def __init__(self, clusters: Sequence[str], *, draws: int = 2000, seed: int = 0) -> None:
        names = sorted(set(clusters))
        self._column = {name: at for at, name in enumerate(names)}
        size = max(1, len(names))
        dice = np.random.default_rng(seed)
        self._weights: Floats = dice.multinomial(size, np.full(size, 1 / size), size=draws).astype(
            np.float64
        )

    def mean(self, values: Sequence[float], clusters: Sequence[str]) -> Estimate | None:
        """Return the mean with its interval; None of nothing."""
        if not values:
            return None
        weights = self._of(clusters)
        x = np.asarray(values, dtype=np.float64)
        return _estimate(float(x.mean()), _ratio(weights @ x, weights.sum(axis=1)), len(values))

    def auc(
        self,
        good: Sequence[float],
        good_clusters: Sequence[str],
        junk: Sequence[float],
        junk_clusters: Sequence[str],
    ) -> Estimate | None:
        """Return the area under the ROC curve with its interval; None where a side is empty.

        It is the probability that a good turn scores higher than a junk one, ties counting half
        (Hanley and McNeil 1982; U / (n m) of Mann and Whitney).
        """
        if not good or not junk:
            return None
        wins = wins_of(good, junk)
        of_good, of_junk = self._of(good_clusters), self._of(junk_clusters)
        sums = ((of_good @ wins) * of_junk).sum(axis=1)
        pairs = of_good.sum(axis=1) * of_junk.sum(axis=1)
        return _estimate(float(wins.mean()), _ratio(sums, pairs), len(good) + len(junk))

    def _of(self, clusters: Sequence[str]) -> Floats:
        return self._weights[:, [self._column[name] for name in clusters]]


def wins_of(good: Sequence[float], junk: Sequence[float]) -> Floats:
    """Return for each pair 1 where the good turn scores higher, 0.5 where they tie, 0 else."""
    g = np.asarray(good, dtype=np.float64)[:, None]
    j = np.asarray(junk, dtype=np.float64)[None, :]
    wins: Floats = (g > j) + 0.5 * (g == j)
    return wins


def _ratio(over: Floats, under: Floats) -> Floats:
    drawn = under > 0
    ratio: Floats = over[drawn] / under[drawn]
    return ratio


def _estimate(value: float, draws: Floats, n: int) -> Estimate:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(draws, (tail, 1 - tail)) if draws.size else (value, value)
    return Estimate(value=value, low=float(low), high=float(high), n=n)
