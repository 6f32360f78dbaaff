from __future__ import annotations

import pytest

from agents.judges.calibration.metrics.noise import icc, retest_deviation, retest_difference

SHROUT_FLEISS = (
    (9, 2, 5, 8),
    (6, 1, 3, 2),
    (8, 4, 6, 8),
    (7, 1, 2, 6),
    (10, 5, 6, 9),
    (6, 2, 4, 7),
)
"""Table 2 of Shrout and Fleiss (1979), who give ICC(1,1) = .17."""


def test_icc_of_shrout_and_fleiss() -> None:
    assert icc(SHROUT_FLEISS) == pytest.approx(0.1657, abs=5e-5)


def test_icc_by_hand_with_unequal_numbers() -> None:
    # Means 1.5 and 6, grand mean 4.2; MSB = 2 (2.7)^2 + 3 (1.8)^2 = 24.3, MSW = 0.5 / 3,
    # k0 = 5 - 13 / 5 = 2.4.
    expected = (24.3 - 1 / 6) / (24.3 + 1.4 / 6)
    assert icc([(1, 2), (6, 6, 6), (9,)]) == pytest.approx(expected)


@pytest.mark.parametrize("turns", [[], [(1, 2)], [(3,), (4,)], [(5, 5), (5, 5)]])
def test_icc_is_unknown_without_variance_or_repeats(turns: list[tuple[float, ...]]) -> None:
    assert icc(turns) is None


def test_no_noise_and_nothing_but_noise() -> None:
    assert icc([(1, 1), (9, 9)]) == 1
    assert icc([(1, 9), (1, 9), (9, 1)]) == -1


def test_difference_is_over_all_pairs() -> None:
    assert retest_difference([1, 2, 4]) == pytest.approx((1 + 3 + 2) / 3)
    assert retest_difference([5]) is None


def test_deviation_is_pooled_within_turns() -> None:
    assert retest_deviation([(1, 3), (6, 6), (9,)]) == pytest.approx(1.0)
    assert retest_deviation([(1,), (2,)]) is None
