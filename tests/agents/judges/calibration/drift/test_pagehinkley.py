from __future__ import annotations

import random

import pytest

from agents.judges.calibration.drift import PageHinkley


def test_by_hand() -> None:
    test = PageHinkley(slack=0.5, threshold=1.0, settle=2)
    for value, mean, up in ((0.0, 0.0, 0.0), (3.0, 1.5, 1.0), (3.0, 2.0, 1.5)):
        test = test.add(value)
        assert (test.mean, test.up, test.down) == pytest.approx((mean, up, 0.0))
    assert test.moved == "up"


@pytest.mark.parametrize(("shift", "direction"), [(1.0, "up"), (-1.0, "down")])
def test_a_shift_of_a_point_is_seen_within_sixty(shift: float, direction: str) -> None:
    for seed in range(10):
        dice = random.Random(seed)
        test = PageHinkley()
        for _ in range(300):
            test = test.add(dice.gauss(0, 1))
        assert test.moved == ""
        late = 0
        while not test.moved:
            test = test.add(dice.gauss(shift, 1))
            late += 1
        assert test.moved == direction
        assert late <= 60


def test_noise_raises_no_alarm() -> None:
    dice = random.Random(4)
    test = PageHinkley()
    for _ in range(20_000):
        test = test.add(dice.gauss(0, 1))
        assert test.moved == ""


def test_nothing_is_said_before_it_has_settled() -> None:
    test = PageHinkley(threshold=1, settle=5)
    moved = []
    for value in (0, 9, 9, 9, 9):
        test = test.add(value)
        moved.append(test.moved)
    assert moved == ["", "", "", "", "up"]
