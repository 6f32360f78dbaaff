from __future__ import annotations

import random
from statistics import fmean

import pytest

from agents.judges.calibration.drift import PanelWatch
from agents.judges.calibration.drift.alpha import ordinal_alpha
from agents.judges.calibration.metrics.alpha import krippendorff_alpha


def panel(dice: random.Random, shift: int = 0) -> dict[str, float]:
    quality = dice.randint(2, 9)
    return {
        name: float(min(10, max(1, quality + dice.randint(-1, 1) + (shift if name == "c" else 0))))
        for name in "abc"
    }


def test_alpha_is_the_librarys() -> None:
    dice = random.Random(3)
    for _ in range(20):
        turns = {str(at): panel(dice) for at in range(30)}
        for scores in turns.values():
            for name in "abc":
                if dice.random() < 0.3:
                    del scores[name]
        by_judge = {
            name: {turn: scores[name] for turn, scores in turns.items() if name in scores}
            for name in "abc"
        }
        mine = ordinal_alpha(list(scores.values()) for scores in turns.values())
        assert mine == pytest.approx(krippendorff_alpha(by_judge, list(turns)))


def test_alpha_is_unknown_without_shared_turns_or_variance() -> None:
    assert ordinal_alpha([]) is None
    assert ordinal_alpha([[3], [4]]) is None
    assert ordinal_alpha([[5, 5], [5, 5]]) is None


def test_a_panel_that_agrees_is_left_alone() -> None:
    dice = random.Random(1)
    watch = PanelWatch()
    for number in range(600):
        watch = watch.add(f"t{number}", panel(dice))
    figures = watch.figures()
    assert figures.turns == 200
    assert figures.alpha is not None
    assert figures.alpha > 0.8
    for judge in figures.judges.values():
        assert judge.kappa is not None
        assert judge.kappa > 0.8
        assert judge.moved == ""
        assert abs(judge.offset or 0) < 0.3


def test_the_judge_that_moves_is_named_and_not_the_others() -> None:
    dice = random.Random(1)
    watch = PanelWatch()
    for number in range(200):
        watch = watch.add(f"t{number}", panel(dice))
    for number in range(80):
        watch = watch.add(f"u{number}", panel(dice, shift=2))
    moved = {name: judge.moved for name, judge in watch.figures().judges.items()}
    assert moved["c"] == "up"
    assert moved["a"] != "up"
    assert moved["b"] != "up"
    assert watch.settled("c").figures().judges["c"].moved == ""


def test_offset_and_mean_by_hand() -> None:
    watch = PanelWatch().add("1", {"a": 8, "b": 6, "c": 4}).add("2", {"a": 9, "b": 5})
    a = watch.figures().judges["a"]
    assert a.turns == 2
    assert a.mean == 8.5
    assert a.offset == pytest.approx(fmean((8 - 5, 9 - 5)))


def test_a_revised_verdict_counts_once() -> None:
    watch = PanelWatch().add("1", {"a": 8.0, "b": 6.0})
    again = watch.add("1", {"a": 8.0, "b": 6.0})
    assert again == watch
    later = again.add("1", {"a": 8.0, "b": 6.0, "c": 7.0})
    assert later.tests["a"].seen == 1
    assert later.tests["c"].seen == 1
    assert later.scores["1"] == {"a": 8.0, "b": 6.0, "c": 7.0}


def test_a_judge_alone_has_nothing_to_be_held_against() -> None:
    alone = PanelWatch().add("1", {"a": 8.0}).figures()
    assert alone.alpha is None
    assert alone.judges["a"].kappa is None
    assert alone.judges["a"].offset is None


def test_it_is_kept_in_a_table_and_comes_back_the_same() -> None:
    dice = random.Random(1)
    watch = PanelWatch(window=20)
    for number in range(50):
        watch = watch.add(f"t{number}", panel(dice))
    back = PanelWatch.from_bytes(watch.to_bytes())
    assert back == watch
    assert list(back.scores) == list(watch.scores)
    assert len(back.scores) == 20


def test_many_at_once_are_as_one_after_the_other() -> None:
    dice = random.Random(3)
    verdicts = [
        (str(dice.randrange(60)), {judge: float(dice.randrange(1, 11)) for judge in "abc"})
        for _ in range(200)
    ]
    one_by_one = PanelWatch(window=20)
    for turn, scores in verdicts:
        one_by_one = one_by_one.add(turn, scores)
    at_once = PanelWatch(window=20).add_all(verdicts)
    assert at_once == one_by_one
    assert list(at_once.scores) == list(one_by_one.scores)
