"""The win rate at equal lengths."""

from __future__ import annotations

from math import exp
from random import Random

import pytest

from trainer.gate.statistics.lengths import controlled


def test_what_length_explains_is_taken_out() -> None:
    dice = Random(4)
    gaps = [dice.uniform(-0.2, 0.8) for _ in range(400)]
    names = [str(at) for at in range(400)]
    fooled = [float(dice.random() < 1 / (1 + exp(-2 * gap))) for gap in gaps]
    assert sum(fooled) / 400 > 0.6
    figure = controlled(fooled, gaps, names)
    assert figure.low < 0.5 < figure.high
    true = [float(dice.random() < 1 / (1 + exp(-1 - 2 * gap))) for gap in gaps]
    figure = controlled(true, gaps, names)
    assert figure.low < 1 / (1 + exp(-1)) < figure.high  # 0.73
    assert figure.low > 0.6


def test_equal_lengths_leave_the_rate_as_it_is() -> None:
    figure = controlled([1.0] * 60 + [0.0] * 40, [0.0] * 100, [str(at) for at in range(100)])
    assert figure.value == pytest.approx(0.6, abs=0.002)
    # As Wilson has it: 0.502 to 0.691.
    assert figure.low == pytest.approx(0.50, abs=0.01)
    assert figure.high == pytest.approx(0.69, abs=0.01)


def test_all_won_is_not_certain() -> None:
    figure = controlled([1.0] * 8, [0.1] * 8, [str(at) for at in range(8)])
    assert 0.5 < figure.low < figure.value < figure.high < 1


def test_sessions_widen_the_interval() -> None:
    outcomes = ([1.0] * 10 + [0.0] * 10) * 5
    alone = controlled(outcomes, [0.0] * 100, [str(at) for at in range(100)])
    grouped = controlled(outcomes, [0.0] * 100, [str(at // 10) for at in range(100)])
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)


def test_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no outcomes"):
        controlled([], [], [])
