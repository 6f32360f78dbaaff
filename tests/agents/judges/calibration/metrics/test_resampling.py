from __future__ import annotations

import random

import pytest

from agents.judges.calibration.metrics.estimate import share
from agents.judges.calibration.metrics.resampling import Resampling


def test_auc_by_hand_with_ties() -> None:
    found = Resampling(["a", "b", "c"]).auc([8, 5, 3], ["a", "b", "c"], [5, 2], ["a", "b"])
    assert found is not None
    # 8 beats both, 5 beats 2 and ties, 3 beats 2: 2 + 1.5 + 1 of 6.
    assert found.value == pytest.approx(4.5 / 6)
    assert found.low <= found.value <= found.high


def test_auc_at_its_ends() -> None:
    names = list("abcd")
    resampling = Resampling(names)
    assert resampling.auc([9, 9], names[:2], [1, 1], names[2:]).value == 1  # type: ignore[union-attr]
    assert resampling.auc([5, 5], names[:2], [5, 5], names[2:]).value == 0.5  # type: ignore[union-attr]
    assert resampling.auc([], [], [1], ["a"]) is None


def test_the_interval_of_a_mean_is_close_to_the_textbooks() -> None:
    dice = random.Random(2)
    values = [dice.gauss(5, 2) for _ in range(200)]
    names = [str(at) for at in range(200)]
    found = Resampling(names, draws=4000).mean(values, names)
    assert found is not None
    half = (found.high - found.low) / 2
    assert half == pytest.approx(1.96 * 2 / 200**0.5, rel=0.12)


def test_items_of_one_turn_stand_or_fall_together() -> None:
    values = [1.0, 9.0] * 20
    alone = [str(at) for at in range(40)]
    together = [str(at % 2) for at in range(40)]
    wide = Resampling(together).mean(values, together)
    narrow = Resampling(alone).mean(values, alone)
    assert wide is not None
    assert narrow is not None
    assert (wide.low, wide.high) == (1, 9)
    assert narrow.high - narrow.low < 4


def test_the_same_seed_gives_the_same_interval() -> None:
    names = list("abcdef")
    values = [1.0, 4, 5, 6, 8, 9]
    assert Resampling(names, seed=1).mean(values, names) == Resampling(names, seed=1).mean(
        values, names
    )


def test_wilsons_interval() -> None:
    ten = share(10, 10)
    assert ten is not None
    assert (ten.low, ten.high) == pytest.approx((0.7225, 1), abs=5e-5)
    # Newcombe (1998), table I: 81 of 263.
    some = share(81, 263)
    assert some is not None
    assert (some.low, some.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert share(0, 0) is None
