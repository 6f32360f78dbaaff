"""The win rate if answers were equally long."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, sqrt
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

from trainer.gate.statistics.clustered import LEVEL, Clusters, Figure

PRIOR: Final = 0.5
"""Prompts' worth of pull towards "length has no effect" and "neither wins", so that few answers
that all fall one way have a finite fit."""

Floats = npt.NDArray[np.float64]

_STEPS: Final = 25


def controlled(outcomes: Sequence[float], gaps: Sequence[float], clusters: Sequence[str]) -> Figure:
    """Return the length-controlled win rate with its interval.

    After Dubois et al. 2024 (arXiv:2404.04475): a logistic regression of the outcomes, ties being
    one half, on how much longer the candidate's answers are; the rate it predicts at no difference.
    Their term for the difficulty of a prompt needs many models and is left out. The error is that
    of the regression or the one clustered by session (Liang and Zeger 1986), whichever is larger.

    Raises:
        ValueError: there are no outcomes.
    """
    groups = Clusters(clusters)
    if not groups.n:
        raise ValueError("there are no outcomes")
    y, x = np.asarray(outcomes, dtype=np.float64), np.asarray(gaps, dtype=np.float64)
    design = np.column_stack((np.ones_like(x), x))
    fit = np.zeros(2)
    inverse: Floats = np.eye(2)
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-(design @ fit)))
        curve = (design.T * (p * (1 - p))) @ design + PRIOR * np.eye(2)
        inverse = np.asarray(np.linalg.inv(curve), dtype=np.float64)
        fit = fit + np.clip(inverse @ (design.T @ (y - p) - PRIOR * fit), -1, 1)
    scores = (y - 1 / (1 + np.exp(-(design @ fit))))[:, None] * design
    summed = np.column_stack([groups.sums(column) for column in scores.T])
    clustered = inverse @ (summed.T @ summed) @ inverse
    error = sqrt(max(inverse[0, 0], clustered[0, 0]))
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    low, value, high = (1 / (1 + exp(-(fit[0] + k * error))) for k in (-z, 0, z))
    return Figure(value=value, low=low, high=high, n=groups.n, clusters=groups.count)
