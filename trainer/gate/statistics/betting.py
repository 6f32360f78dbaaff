"""A test that may be looked at after every answer: whether the candidate wins more often.

A gambler bets, prompt after prompt, that the candidate's answer is the better one, at odds that
are fair or worse if it is not. Whoever stops them whenever they like sees their capital grow by a
factor of 1 / alpha with a chance of at most alpha (Ville 1939): Waudby-Smith and Ramdas 2024,
"Estimating means of bounded random variables by betting" (JRSS B 86).
"""

from __future__ import annotations

from collections.abc import Sequence
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
    """After one more round: the capital's logarithm, and the bounds of the win rate, each of which
    holds at all times at once with the confidence asked for."""

    win_rate: float
    low: float
    high: float
    log_capital: float
    log_against: float


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
        self._against = np.zeros(len(STAKES))
        self._above = np.zeros((len(GRID), len(STAKES)))
        self._below = np.zeros((len(GRID), len(STAKES)))
        self._sum = 0.0
        self._rounds = 0

    def copy(self) -> Bet:
        """Return another that goes on from here by itself."""
        other = Bet()
        for name in ("_for", "_against", "_above", "_below"):
            setattr(other, name, getattr(self, name).copy())
        other._sum, other._rounds = self._sum, self._rounds
        return other

    def add(self, played: Round) -> None:
        """Take a round into account."""
        x = played.outcome
        self._for += _gain(x, explained(played.gaps))
        self._against += _gain(1 - x, np.array([0.5]))[0]
        self._above += _gain(x, GRID)
        self._below += _gain(1 - x, 1 - GRID)
        self._sum += x
        self._rounds += 1

    @property
    def log_capital(self) -> float:
        """The capital's logarithm where the candidate is bet on."""
        return float(_mixed(self._for).min())

    @property
    def log_against(self) -> float:
        """The capital's logarithm where the incumbent is bet on, length not looked at."""
        return float(_mixed(self._against[None, :])[0])

    def step(self, confidence: float) -> Step:
        """Return where things stand."""
        limit = log(1 / (1 - confidence))
        mean = self._sum / self._rounds if self._rounds else 0.5
        above, below = _mixed(self._above) < limit, _mixed(self._below) < limit
        low = float(GRID[above][0]) if above.any() else 1.0
        high = float(GRID[below][-1]) if below.any() else 0.0
        return Step(mean, min(low, mean), max(high, mean), self.log_capital, self.log_against)


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
