"""Which prompts are taken for nearly the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.settings import Pairs
from schemas.table import MemoryTable
from sinks.dataset.near import asked_in, similarity, sketch
from sinks.dataset.split import KeptBack, common_split, split_of

LONG = " ".join(f"word{n}" for n in range(40))


@pytest.mark.parametrize(
    ("other", "near"),
    [
        (LONG, True),
        (LONG + " more", True),
        (LONG.replace("word7", "other"), True),
        ("please read my mail", False),
        (" ".join(LONG.split()[:25]), False),
    ],
)
def test_what_is_kept_back_is_not_trained_on(other: str, near: bool) -> None:
    kept = KeptBack(MemoryTable())
    kept.add("eval", sketch(LONG))
    assert kept.leaks("train", sketch(other)) is near
    assert kept.leaks("test", sketch(other)) is near
    assert not kept.leaks("eval", sketch(other))


def test_evaluation_wins_over_the_test_and_both_over_training() -> None:
    kept = KeptBack(MemoryTable())
    kept.add("test", sketch(LONG))
    kept.add("train", sketch("train me on this one"))
    assert kept.leaks("train", sketch(LONG))
    assert not kept.leaks("test", sketch(LONG))
    assert not kept.leaks("eval", sketch(LONG))
    assert not kept.leaks("train", sketch("train me on this one"))


@given(st.text(), st.text())
def test_sketches_are_functions_of_the_text(one: str, other: str) -> None:
    assert sketch(one) == sketch(one)
    assert 0 <= similarity(sketch(one).shingles, sketch(other).shingles) <= 1


def test_a_short_request_is_taken_with_what_was_said_before() -> None:
    def prompt(text: str) -> list[tuple[str, str]]:
        return [("assistant", text), ("user", "Yes")]

    assert asked_in(prompt("shall I book it?")) == "shall i book it? yes"
    assert asked_in([("user", "Read  MY mail today")]) == "read my mail today"
    assert asked_in([]) == ""


def test_sessions_are_split_by_their_share() -> None:
    rules = Pairs(eval_share=0.1, test_share=0.2)
    splits = [split_of(f"session {n}", rules) for n in range(5000)]
    assert abs(splits.count("eval") / 5000 - 0.1) < 0.02
    assert abs(splits.count("test") / 5000 - 0.2) < 0.02
    found = {split: f"session {n}" for n, split in enumerate(splits)}
    assert common_split([found["eval"], found["eval"]], rules) == "eval"
    assert common_split([found["eval"], found["train"]], rules) is None
