"""The share of good turns in what a judge has scored, corrected for the judge's own errors."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

from agents.judges.calibration.metrics.estimate import LEVEL, Estimate


def corrected(
    p: float, n: int, q0: float, m0: int, q1: float, m1: int, *, level: float = LEVEL
) -> Estimate | None:
    """Return the true pass rate behind an observed one.

    theta = (p + q0 - 1) / (q0 + q1 - 1), held to 0..1 (Rogan and Gladen 1978). The interval is
    that of Lang and Reiczigel (2014) as Lee et al. give it for judges (2511.21140): it carries
    the uncertainty of p and that of q0 and q1, after adding z^2 / 2 successes and failures to p
    and one of each to q0 and q1. It can lie beside theta where the data are very few.

    Args:
        p: share of turns that the judge passed, of `n`.
        n: how many it scored.
        q0: specificity, the share of `m0` junk turns that it failed.
        m0: labelled junk turns.
        q1: sensitivity, the share of `m1` good turns that it passed.
        m1: labelled good turns.
        level: how sure the interval is.

    Returns:
        None where q0 + q1 <= 1: such a judge is no better than chance and nothing can be
        recovered from what it says.

    Raises:
        ValueError: a share outside 0..1, or no turns.
    """
    if min(n, m0, m1) < 1:
        raise ValueError("a pass rate needs at least one turn on each side")
    if not all(0 <= share <= 1 for share in (p, q0, q1)):
        raise ValueError("p, q0 and q1 are shares between 0 and 1")
    if q0 + q1 <= 1:
        return None
    theta = (p + q0 - 1) / (q0 + q1 - 1)

    z = NormalDist().inv_cdf((1 + level) / 2)
    n_, m0_, m1_ = n + z * z, m0 + 2, m1 + 2
    p_ = (n * p + z * z / 2) / n_
    q0_, q1_ = (m0 * q0 + 1) / m0_, (m1 * q1 + 1) / m1_
    gain = q0_ + q1_ - 1
    if gain <= 0:
        # So few labels that the judge may be no better than chance: anything is possible.
        return Estimate(value=_held(theta), low=0.0, high=1.0, n=n)
    theta_ = (p_ + q0_ - 1) / gain
    v0, v1 = q0_ * (1 - q0_) / m0_, q1_ * (1 - q1_) / m1_
    shift = 2 * z * z * (theta_ * v1 - (1 - theta_) * v0)
    half = z * sqrt(p_ * (1 - p_) / n_ + (1 - theta_) ** 2 * v0 + theta_**2 * v1) / gain
    return Estimate(
        value=_held(theta),
        low=_held(theta_ + shift - half),
        high=_held(theta_ + shift + half),
        n=n,
    )


def _held(share: float) -> float:
    return min(1.0, max(0.0, share))
