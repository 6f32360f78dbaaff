"""A test that may be looked at after every answer: whether the candidate wins more often.

A gambler bets, prompt after prompt, that the candidate's answer is the better one, at odds that
are fair or worse if it is not. Whoever stops them whenever they like sees their capital grow by a
factor of 1 / alpha with a chance of at most alpha (Ville 1939): Waudby-Smith and Ramdas 2024,
"Estimating means of bounded random variables by betting" (JRSS B 86).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

STAKES: Final[Floats] = np.array([0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8])
"""Shares of the capital that are bet; the capital is spread evenly over gamblers with one each."""

LENGTH_SWAY: Final = 2.0
"""How far the length of an answer may sway a judge, in log odds per unit of `length_gap`.

What made GPT-4's answers longer or shorter moved its win rate against itself from 0.23 to 0.64
(Dubois et al. 2024, arXiv:2404.04475, table 1): about 1.8 for one gap of -0.66, 1.3 for 0.44.
"""

SWAYS: Final[Floats] = np.linspace(-LENGTH_SWAY, LENGTH_SWAY, 41)

GRID: Final[Floats] = np.linspace(0.0, 1.0, 201)
"""Win rates that a bound is looked for among."""


@dataclass(frozen=True, slots=True)
class Round:
    """A cluster of prompts as one bet: the mean of the outcomes, from 0 to 1, and how much longer
    the candidate's answers are, of each prompt (see `length_gap`)."""

    outcome: float
    gaps: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """The win rate after one more round, and its bounds, each of which holds at all times at once
    with the confidence asked for."""

    win_rate: float
    low: float
    high: float


def length_gap(candidate: int, incumbent: int) -> float:
    """Return how much longer the candidate's answer is: from -1 to 1, 0 for the same length.

    The hyperbolic tangent, as in Dubois et al. 2024, of the logarithm of the ratio.
    """
    ratio = log((candidate + 1) / (incumbent + 1))
    return float(np.tanh(ratio))


class Bet:
    """The capitals of all gamblers, fed round by round.

    Against the candidate stands not only a coin but a judge whom length sways: for each strength
    of that within LENGTH_SWAY the candidate must win more often than its lengths explain. The
    capital that counts is the least over all strengths, as in union-intersection tests (Spertus
    and Stark 2022, arXiv:2207.03379), so the error stays below alpha whichever is the true one.
    """

    def __init__(self) -> None:
        self._for = np.zeros((len(SWAYS), len(STAKES)))
        self._against = np.zeros((1, len(STAKES)))

    def copy(self) -> Bet:
        """Return another that goes on from here by itself."""
        other = Bet()
        other._for, other._against = self._for.copy(), self._against.copy()
        return other

    def add(self, played: Round) -> None:
        """Take a round into account."""
        self._for += _gain(played.outcome, explained(played.gaps))
        self._against += _gain(1 - played.outcome, np.array([0.5]))

    @property
    def log_capital(self) -> float:
        """The capital's logarithm where the candidate is bet on."""
        return float(_mixed(self._for).min())

    @property
    def log_against(self) -> float:
        """The capital's logarithm where the incumbent is bet on, length not looked at."""
        return float(_mixed(self._against)[0])


def bounds(rounds: Iterable[Round], confidence: float) -> tuple[Step, ...]:
    """Return the win rate after each round, with bounds; lengths are not looked at.

    A bound is the last win rate that a gambler against it has not become rich enough to refute.
    """
    limit = log(1 / (1 - confidence))
    above, below = np.zeros((len(GRID), len(STAKES))), np.zeros((len(GRID), len(STAKES)))
    total, steps = 0.0, []
    for count, played in enumerate(rounds, 1):
        above += _gain(played.outcome, GRID)
        below += _gain(1 - played.outcome, 1 - GRID)
        total += played.outcome
        mean = total / count
        lowest, highest = GRID[_mixed(above) < limit], GRID[_mixed(below) < limit]
        low = float(lowest[0]) if lowest.size else 1.0
        high = float(highest[-1]) if highest.size else 0.0
        steps.append(Step(mean, min(low, mean), max(high, mean)))
    return tuple(steps)


def explained(gaps: Sequence[float]) -> Floats:
    """Return the mean win rate that lengths alone would give, for each of SWAYS."""
    chances = 1 / (1 + np.exp(-np.outer(SWAYS, np.asarray(gaps, dtype=np.float64))))
    return np.asarray(chances.mean(axis=1), dtype=np.float64)


def _gain(outcome: float, fair: Floats) -> Floats:
    """Return the logarithms by which capitals grow, by fair price and stake.

    A share of the capital buys a ticket that pays `outcome` at the price `fair`.
    """
    price = np.clip(fair, 1e-9, None)[:, None]
    return np.log1p(STAKES[None, :] * (outcome - price) / price)


def _mixed(logs: Floats) -> Floats:
    """Return the logarithm of the mean capital over the stakes."""
    top = logs.max(axis=1, keepdims=True)
    mixed = top[:, 0] + np.log(np.exp(logs - top).mean(axis=1))
    return np.asarray(mixed, dtype=np.float64)
