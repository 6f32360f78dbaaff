from __future__ import annotations

import pytest

from agents.judges.calibration.metrics.passrate import corrected

PUBLISHED = (
    (0.4, 0.7, 0.9, 1000, 200, 200, 0.05, 0.05635072484160894, 0.2627330257859588),
    (0.5, 0.8, 0.8, 500, 100, 100, 0.05, 0.3799746588561528, 0.6200253411438469),
    (0.62, 0.85, 0.93, 2000, 150, 350, 0.05, 0.5544774781496563, 0.6456327845409667),
    (0.1, 0.95, 0.6, 300, 50, 80, 0.1, 0.0, 0.17813731660303905),
    (0.9, 0.6, 0.99, 10000, 1000, 1000, 0.01, 0.8273348478706124, 0.8686713102464316),
    (0.05, 0.9, 0.9, 1000, 200, 200, 0.05, 0.0, 0.0),
    (0.3333, 0.777, 0.888, 123, 45, 67, 0.2, 0.012521172499902977, 0.2816724189695818),
    (0.0, 1.0, 1.0, 50, 10, 10, 0.05, 0.0, 0.09568563633822108),
    (0.4, 0.7, 0.9, 1000, 1, 1, 0.05, 0.0, 1.0),
    (0.55, 0.75, 0.85, 1, 30, 40, 0.5, 0.0, 0.9666883803310964),
)
"""p, q0, q1, n, m0, m1, alpha and the interval that the code of Lee et al. (2511.21140) gives, from
the reference values of its port to R."""


@pytest.mark.parametrize(("p", "q0", "q1", "n", "m0", "m1", "alpha", "low", "high"), PUBLISHED)
def test_the_interval_is_the_published_one(
    p: float, q0: float, q1: float, n: int, m0: int, m1: int, alpha: float, low: float, high: float
) -> None:
    found = corrected(p, n, q0, m0, q1, m1, level=1 - alpha)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)


def test_the_estimate_is_rogan_and_gladens() -> None:
    found = corrected(0.4, 1000, 0.7, 200, 0.9, 200)
    assert found is not None
    assert found.value == pytest.approx((0.4 + 0.7 - 1) / (0.7 + 0.9 - 1))


def test_a_judge_no_better_than_chance_tells_nothing() -> None:
    assert corrected(0.5, 100, 0.4, 50, 0.6, 50) is None


@pytest.mark.parametrize("arguments", [(1.2, 9, 1, 9, 1, 9), (0.5, 0, 1, 9, 1, 9)])
def test_what_is_no_share_or_no_turn_is_refused(
    arguments: tuple[float, int, float, int, float, int],
) -> None:
    with pytest.raises(ValueError, match=r"one turn|are shares"):
        corrected(*arguments)
