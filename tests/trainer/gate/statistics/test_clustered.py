"""Tests and intervals of rows that stand or fall together."""

from __future__ import annotations

from statistics import fmean

import numpy as np
import pytest

from trainer.gate.statistics.clustered import Clusters, needed_for_share, round_up


def test_two_ways_to_say_that_all_rows_are_alike() -> None:
    """With all of one sign the p-value is that of a coin that falls so each time."""
    for count in (3, 5, 8):
        groups = Clusters([str(at) for at in range(count)])
        assert groups.better([1.0] * count) == 2.0**-count
        assert groups.better([-1.0] * count) == 1.0
        assert groups.least_p() == 2.0**-count


def test_rows_of_one_session_count_once() -> None:
    values = [1.0] * 40
    alone = Clusters([str(at) for at in range(40)])
    few = Clusters([str(at // 10) for at in range(40)])
    assert alone.better(values) < 0.001
    assert few.better(values) == 2.0**-4
    assert few.share(values).low < alone.share(values).low


def test_nothing_is_no_better() -> None:
    groups = Clusters([str(at) for at in range(10)])
    assert groups.better([0.0] * 10) == 1.0
    assert groups.mean([0.0] * 10).value == 0.0


@pytest.mark.parametrize(("sessions", "rows", "within"), [(6, 3, 1.0), (8, 4, 1.0), (14, 2, 0.3)])
def test_it_errs_no_more_often_than_it_says(sessions: int, rows: int, within: float) -> None:
    """Under the null with skew-free noise that sessions share; 200 worlds, at 5 %."""
    dice = np.random.default_rng(sessions)
    names = [str(at) for at in range(sessions) for _ in range(rows)]
    errors = 0
    for _ in range(200):
        shared = np.repeat(dice.normal(0, within, sessions), rows)
        errors += Clusters(names).better(list(shared + dice.standard_t(4, len(names)))) <= 0.05
    # Four standard errors above 5 %.
    assert errors / 200 < 0.05 + 4 * 0.0154


def test_a_liking_of_long_answers_is_no_preference() -> None:
    """Each token of the longer side counts, and nothing else does."""
    dice = np.random.default_rng(1)
    lengths = list(dice.integers(-5, 40, 80).astype(float))
    values = [0.3 * length + float(dice.normal(0, 1)) for length in lengths]
    groups = Clusters([str(at) for at in range(80)])
    assert groups.better(values) < 0.001
    assert groups.better(values, lengths) > 0.05
    assert abs(groups.mean(values, lengths).value) < 1
    better = [value + 2 for value in values]
    assert groups.better(better, lengths) < 0.01
    assert groups.mean(better, lengths).low > 0.5


def test_lengths_that_are_all_the_same_explain_nothing() -> None:
    groups = Clusters([str(at) for at in range(20)])
    values = [1.0, 2.0] * 10
    assert groups.mean(values, [7.0] * 20) == groups.mean(values)


def test_an_interval_holds_the_truth() -> None:
    dice = np.random.default_rng(2)
    held = 0
    for _ in range(200):
        shared = np.repeat(dice.normal(0, 0.5, 40), 3)
        values = list(shared + dice.normal(1, 1, 120))
        figure = Clusters([str(at // 3) for at in range(120)]).mean(values)
        assert figure.value == pytest.approx(fmean(values))
        held += figure.low <= 1 <= figure.high
    assert held / 200 > 0.95 - 4 * 0.0154


def test_a_share_that_is_certain_is_not() -> None:
    """10 of 10 is 0.72 to 1 (Wilson), as for any share of ten."""
    figure = Clusters([str(at) for at in range(10)]).share([1.0] * 10)
    assert (figure.value, figure.high) == (1.0, 1.0)
    assert figure.low == pytest.approx(0.722, abs=0.001)


def test_how_many_rows_it_takes() -> None:
    # n = ((1.645 * 0.5 + 0.842 * sqrt(0.65 * 0.35)) / 0.15)^2 = 66.8
    assert needed_for_share(0.65, 0.95) == 67
    groups = Clusters([str(at) for at in range(50)])
    # Half of the deviate needed at half of the power is four times the rows, and more.
    assert groups.needed(0.2, 0.95) > 4 * 50
    assert groups.needed(0.06, 0.95) > 50
    assert [round_up(number) for number in (7.2, 67, 301, 26_001)] == [8, 67, 310, 27_000]


def test_no_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="no rows"):
        Clusters([]).mean([])
