"""The bet: stopped whenever one likes, it is wrong as rarely as it says."""

from __future__ import annotations

from math import exp, log
from random import Random

import pytest

from trainer.gate.statistics.betting import (
    LENGTH_SWAY,
    Bet,
    Round,
    bounds,
    explained,
    length_gap,
)

LIMIT = log(20)


def crosses(
    dice: Random, most: int, *, win: float, ties: float, sway: float = 0.0, longer: float = 0.0
) -> int | None:
    """Play until the capital is twenty times what it was; return when, None for never.

    Args:
        dice: the source of chance.
        most: rounds at most.
        win: the chance to win where answers are equally long and it is no tie.
        ties: the chance of a tie.
        sway: how far length sways the judge, in log odds per gap.
        longer: how much longer the candidate's answers are, as the mean logarithm of the ratio.
    """
    bet = Bet()
    for count in range(1, most + 1):
        gap = length_gap(int(400 * exp(dice.gauss(longer, 0.4))), 400)
        chance = 1 / (1 + exp(-(log(win / (1 - win)) + sway * gap)))
        outcome = 0.5 if dice.random() < ties else float(dice.random() < chance)
        bet.add(Round(outcome, (gap,)))
        if bet.log_capital >= LIMIT:
            return count
    return None


@pytest.mark.parametrize(
    ("ties", "sway", "longer"),
    [(0.0, 0.0, 0.0), (0.6, 0.0, 0.0), (0.2, 1.5, 0.3), (0.0, -1.5, -0.3), (0.0, LENGTH_SWAY, 0.5)],
)
def test_it_errs_no_more_often_than_it_says(ties: float, sway: float, longer: float) -> None:
    """200 candidates that are no better than their lengths explain, looked at after each of up to
    120 answers."""
    dice = Random(f"{ties} {sway} {longer}")
    wrong = sum(
        crosses(dice, 120, win=0.5, ties=ties, sway=sway, longer=longer) is not None
        for _ in range(200)
    )
    # Three standard errors above 5 %.
    assert wrong / 200 <= 0.05 + 3 * 0.0154


def test_a_better_candidate_is_found_early() -> None:
    dice = Random(1)
    found = [crosses(dice, 200, win=0.8, ties=0.3) for _ in range(60)]
    stops = sorted(each for each in found if each is not None)
    assert len(stops) >= 58
    assert stops[len(stops) // 2] < 60


def test_winning_by_length_alone_is_not_enough() -> None:
    """A judge that likes long answers, and a candidate that gives them: it wins two of three."""
    dice = Random(2)
    fooled = 0
    for _ in range(20):
        bet, rounds = Bet(), []
        for _ in range(150):
            gap = length_gap(int(400 * exp(dice.gauss(0.6, 0.5))), 400)
            chance = 1 / (1 + exp(-1.8 * gap))
            rounds.append(Round(float(dice.random() < chance), (gap,)))
            bet.add(rounds[-1])
        fooled += bounds(rounds, 0.95)[-1].low > 0.5
        assert bet.log_capital < LIMIT
    assert fooled >= 18  # who does not look at lengths is


def test_ties_cost_nothing() -> None:
    bet = Bet()
    for _ in range(50):
        bet.add(Round(0.5, (0.0,)))
    assert bet.log_capital == pytest.approx(0.0)
    for _ in range(8):
        bet.add(Round(1.0, (0.0,)))
    assert bet.log_capital > LIMIT


def test_the_incumbent_can_win_too() -> None:
    bet = Bet()
    for _ in range(8):
        bet.add(Round(0.0, (0.0,)))
    assert bet.log_against > LIMIT
    assert bet.log_capital < 0
    step = bounds([Round(0.0, (0.0,))] * 8, 0.95)[-1]
    assert step.win_rate == step.low == 0.0
    assert step.high < 0.5


def test_bounds_hold_the_truth_at_all_times_at_once() -> None:
    dice = Random(3)
    missed = 0
    for _ in range(100):
        rounds = [Round(float(dice.random() < 0.6), (0.0,)) for _ in range(60)]
        steps = bounds(rounds, 0.95)
        assert all(step.low <= step.win_rate <= step.high for step in steps)
        missed += any(step.low > 0.6 for step in steps)
    assert missed / 100 <= 0.05 + 3 * 0.022


def test_a_copy_goes_on_by_itself() -> None:
    bet = Bet()
    bet.add(Round(1.0, (0.1,)))
    other = bet.copy()
    other.add(Round(1.0, (0.1,)))
    assert other.log_capital > bet.log_capital


def test_lengths() -> None:
    assert length_gap(100, 100) == 0
    assert length_gap(199, 99) == -length_gap(99, 199) == pytest.approx(0.6)
    assert length_gap(0, 0) == 0
    even = explained((0.0, 0.0))
    assert even.min() == even.max() == 0.5
    assert explained((0.5,)).max() == pytest.approx(1 / (1 + exp(-LENGTH_SWAY * 0.5)))
