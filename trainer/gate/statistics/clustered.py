"""Means of rows that are not independent: rows of one session stand or fall together.

Miller 2024 (arXiv:2411.00640, "Adding Error Bars to Evals") asks for paired differences with
errors clustered by what rows were made from. Sessions are few where a line is young, and there
such errors are too small; so tests are a wild cluster bootstrap, which is exact for differences
that are symmetric under the null.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

from schemas.record import Part

Floats = npt.NDArray[np.float64]

LEVEL: Final = 0.95
"""How sure an interval is."""

DRAWS: Final = 1_999
ENUMERATED: Final = 12
"""Up to so many clusters every pattern of signs is gone through."""

POWER: Final = 0.8
"""How likely a difference as large as the one seen is to be found with as many rows as are said
to be needed."""


class Figure(Part):
    """A mean with its interval (95 %), of `n` rows in `clusters` clusters."""

    value: float
    low: float
    high: float
    n: int
    clusters: int


class Clusters:
    """Which cluster each row is of.

    Args:
        names: the cluster of each row.
        seed: the same one gives the same draws.
    """

    def __init__(self, names: Sequence[str], seed: int = 0) -> None:
        order = {name: at for at, name in enumerate(sorted(set(names)))}
        self.of = np.array([order[name] for name in names], dtype=np.intp)
        self.n = len(names)
        self.count = len(order)
        self._member = np.eye(self.count)[self.of]
        self._seed = seed

    def sums(self, values: Floats) -> Floats:
        """Return the sum over each cluster."""
        summed = np.bincount(self.of, weights=values, minlength=self.count)
        return np.asarray(summed, dtype=np.float64)

    def mean(self, values: Sequence[float], lengths: Sequence[float] | None = None) -> Figure:
        """Return the mean with the percentile interval of a cluster bootstrap (Davison and Hinkley
        1997, section 3.8). With `lengths`, it is the mean at length 0 of a line fitted by least
        squares.

        Raises:
            ValueError: there are no rows.
        """
        y, x = self._arrays(values, lengths)
        weights = self._resampled()
        level = _at_zero(y, x, np.ones((1, self.n)))[0]
        draws = _at_zero(y, x, weights[:, self.of])
        tail = (1 - LEVEL) / 2
        low, high = np.nanquantile(draws, (tail, 1 - tail))
        low, high = min(float(low), level), max(float(high), level)
        return Figure(value=level, low=low, high=high, n=self.n, clusters=self.count)

    def share(self, values: Sequence[float]) -> Figure:
        """Return the mean of values from 0 to 1 with Wilson's interval (1927) for as many
        independent rows as these are worth (Korn and Graubard 1998).

        The bootstrap calls 10 of 10 certain; this does not, and counts clusters there.

        Raises:
            ValueError: there are no rows.
        """
        y, _ = self._arrays(values, None)
        p = float(y.mean())
        worth = self._worth(y, p)
        z = NormalDist().inv_cdf((1 + LEVEL) / 2)
        middle = (p + z * z / (2 * worth)) / (1 + z * z / worth)
        half = z / (1 + z * z / worth) * sqrt(p * (1 - p) / worth + z * z / (4 * worth * worth))
        low, high = max(0.0, min(p, middle - half)), min(1.0, max(p, middle + half))
        return Figure(value=p, low=low, high=high, n=self.n, clusters=self.count)

    def better(self, values: Sequence[float], lengths: Sequence[float] | None = None) -> float:
        """Return the p-value of "the mean is not above 0" (at length 0, where lengths are given).

        The wild cluster bootstrap of the studentised mean, with the null imposed and Rademacher's
        weights (Cameron, Gelbach and Miller 2008). With G clusters it is never below 2^-G.
        """
        y, x = self._arrays(values, lengths)
        null = _through_zero(y, x)
        observed = self._t(y[None, :], x)[0]
        signs, known = self._signs()
        count = 0
        # In pieces: a matrix of all draws by all rows would be some hundred megabytes.
        for start in range(0, len(signs), 500):
            drawn = null + signs[start : start + 500][:, self.of] * (y - null)
            count += int((self._t(drawn, x) >= observed - 1e-9).sum())
        return count / len(signs) if known else (1 + count) / (1 + len(signs))

    def least_p(self) -> float:
        """Return the smallest p-value that `better` can give with so many clusters."""
        return max(2.0**-self.count, 1 / (DRAWS + 1))

    def needed(self, p: float, confidence: float) -> int:
        """Return about how many rows like these it takes, if the difference is what it seems.

        From the p-value as a normal deviate z: n ((z_confidence + z_power) / z)^2.

        Args:
            p: the p-value that these rows gave, below 0.5.
            confidence: what is asked for.
        """
        normal = NormalDist()
        z = normal.inv_cdf(1 - min(max(p, 1e-6), 0.4999))
        factor = ((normal.inv_cdf(confidence) + normal.inv_cdf(POWER)) / z) ** 2
        return max(self.n + 1, round_up(self.n * factor))

    def _arrays(
        self, values: Sequence[float], lengths: Sequence[float] | None
    ) -> tuple[Floats, Floats | None]:
        if not self.n:
            raise ValueError("there are no rows")
        y = np.asarray(values, dtype=np.float64)
        if lengths is None:
            return y, None
        x = np.asarray(lengths, dtype=np.float64)
        return y, x if np.ptp(x) > 0 else None

    def _resampled(self) -> Floats:
        dice = np.random.default_rng(self._seed)
        even = np.full(self.count, 1 / self.count)
        return dice.multinomial(self.count, even, size=2_000).astype(np.float64)

    def _signs(self) -> tuple[Floats, bool]:
        """Return the patterns of signs, and whether they are all there are."""
        if self.count <= ENUMERATED:
            bits = np.arange(1 << self.count)[:, None] >> np.arange(self.count)
            return np.asarray(1.0 - 2.0 * (bits & 1), dtype=np.float64), True
        dice = np.random.default_rng(self._seed)
        return dice.choice((-1.0, 1.0), size=(DRAWS, self.count)), False

    def _t(self, values: Floats, x: Floats | None) -> Floats:
        """Return the cluster-robust t of the mean at length 0, a row of `values` each."""
        design = np.ones((self.n, 1)) if x is None else np.column_stack((np.ones(self.n), x))
        inverse = np.linalg.pinv(design.T @ design)
        fitted = values @ design @ inverse.T
        weights = design @ inverse[:, 0]
        scores = (values - fitted @ design.T) * weights
        error = np.sqrt(((scores @ self._member) ** 2).sum(axis=1))
        level = fitted[:, 0]
        tiny = 1e-12 * np.maximum(1.0, np.abs(values).max(axis=1))
        sure = np.where(np.abs(level) <= tiny, 0.0, np.sign(level) * 1e12)
        return np.where(error > tiny, level / np.maximum(error, tiny), sure)

    def _worth(self, y: Floats, p: float) -> float:
        plain = p * (1 - p) / self.n
        if plain <= 0 or self.count < 2:
            return float(self.count)
        scale = self.count / (self.count - 1)
        robust = scale * float((self.sums(y - p) ** 2).sum()) / self.n**2
        return float(np.clip(p * (1 - p) / max(robust, 1e-12), self.count, self.n))


def needed_for_share(share: float, confidence: float) -> int:
    """Return how many independent rows show that a share is above one half, if it is `share`.

    The normal approximation of the one-sided test (Fleiss, Levin and Paik 2003, section 2.4).
    """
    normal = NormalDist()
    reach = normal.inv_cdf(confidence) * 0.5 + normal.inv_cdf(POWER) * sqrt(share * (1 - share))
    return round_up((reach / (share - 0.5)) ** 2)


def round_up(number: float) -> int:
    """Return a number with at most two digits that say something, not below `number`."""
    whole = ceil(min(number, 1e9))
    step: int = 10 ** max(0, len(str(whole)) - 2)
    return -(-whole // step) * step


def _through_zero(y: Floats, x: Floats | None) -> Floats:
    """Return what the null expects: nothing, or what length alone explains."""
    if x is None:
        return np.zeros_like(y)
    fitted: Floats = x * (x @ y) / (x @ x)
    return fitted


def _at_zero(y: Floats, x: Floats | None, weights: Floats) -> Floats:
    """Return the weighted mean at length 0, a row of `weights` each."""
    total = weights.sum(axis=1)
    mean_y = weights @ y / total
    if x is None:
        return np.asarray(mean_y, dtype=np.float64)
    mean_x = weights @ x / total
    spread = weights @ (x * x) / total - mean_x**2
    slope = (weights @ (x * y) / total - mean_x * mean_y) / np.where(spread > 1e-12, spread, np.nan)
    return np.asarray(np.where(spread > 1e-12, mean_y - slope * mean_x, mean_y), dtype=np.float64)
