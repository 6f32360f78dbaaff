"""The win rate if answers were equally long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from trainer.gate.statistics.clustered import LEVEL, Clusters, Figure

Floats = npt.NDArray[np.float64]

PRIOR: Final = 0.5
"""Prompts' worth of pull towards "length has no effect" and "neither wins", so that few answers
that all fall one way have a finite fit."""

_STEPS: Final = 25


def controlled(
    outcomes: Sequence[float], gaps: Sequence[float], clusters: Sequence[str], seed: int = 0
) -> Figure:
    """Return the length-controlled win rate with the interval of a cluster bootstrap.

    After Dubois et al. 2024 (arXiv:2404.04475): a logistic regression of the outcomes, ties being
    one half, on how much longer the candidate's answers are; the rate it predicts at no difference.
    Their term for the difficulty of a prompt needs many models and is left out.

    Raises:
        ValueError: there are no outcomes.
    """
    groups = Clusters(clusters, seed)
    if not groups.n:
        raise ValueError("there are no outcomes")
    y, x = np.asarray(outcomes, dtype=np.float64), np.asarray(gaps, dtype=np.float64)
    dice = np.random.default_rng(seed)
    even = np.full(groups.count, 1 / groups.count)
    drawn = dice.multinomial(groups.count, even, size=1_000).astype(np.float64)[:, groups.of]
    value = float(_fit(y, x, np.ones((1, groups.n)))[0])
    tail = (1 - LEVEL) / 2
    low, high = (float(q) for q in np.quantile(_fit(y, x, drawn), (tail, 1 - tail)))
    return Figure(
        value=value,
        low=min(low, value),
        high=max(high, value),
        n=groups.n,
        clusters=groups.count,
    )


def _fit(y: Floats, x: Floats, weights: Floats) -> Floats:
    """Return the rate at x = 0 for each row of weights: Newton's method on the penalised
    likelihood, with step halving left out because the penalty keeps it convex and small."""
    level, slope = np.zeros(len(weights)), np.zeros(len(weights))
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(level[:, None] + slope[:, None] * x, -30, 30)))
        error, curve = weights * (y - p), weights * p * (1 - p)
        up_level = error.sum(axis=1) - PRIOR * level
        up_slope = error @ x - PRIOR * slope
        a, b, c = curve.sum(axis=1) + PRIOR, curve @ x, curve @ (x * x) + PRIOR
        scale = a * c - b * b
        level += np.clip((c * up_level - b * up_slope) / scale, -1, 1)
        slope += np.clip((a * up_slope - b * up_level) / scale, -1, 1)
    return np.asarray(1 / (1 + np.exp(-level)), dtype=np.float64)
