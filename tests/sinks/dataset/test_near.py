"""Which prompts are taken for nearly the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.settings import Pairs
from sinks.dataset.keptback import CROWDED, Index, KeptBack
from sinks.dataset.near import asked_in, similarity, sketch
from sinks.dataset.split import Split, common_split, split_of

LONG = " ".join(f"word{n}" for n in range(40))


Leaks = Callable[[Split, str], bool]


@pytest.fixture
def kept(tmp_path: Path) -> Callable[..., Leaks]:
    """What says of a split and a text whether it leaks, given texts that are kept back."""

    def keep(*texts: tuple[Split, str]) -> Leaks:
        back = KeptBack()
        for split, text in texts:
            back.add(split, sketch(text))
        back.save(tmp_path)
        index = Index(tmp_path)
        return lambda split, text: index.leaks([("eval", sketch("")), (split, sketch(text))])[1]

    return keep


@pytest.mark.parametrize(
    ("other", "near"),
    [
        (LONG, True),
        (LONG + " more", True),
        (LONG.replace("word7", "other"), True),
        ("please read my mail", False),
        (" ".join(LONG.split()[:25]), False),
        ("明天早上提醒我给妈妈打电话并且买一束花", False),
    ],
)
def test_what_is_kept_back_is_not_trained_on(
    kept: Callable[..., Leaks], other: str, near: bool
) -> None:
    leaks = kept(("eval", "something else"), ("eval", LONG), ("eval", LONG))
    assert leaks("train", other) is near
    assert leaks("test", other) is near
    assert not leaks("eval", other)


def test_evaluation_wins_over_the_test_and_both_over_training(kept: Callable[..., Leaks]) -> None:
    leaks = kept(("test", LONG), ("train", "train me on this one"))
    assert leaks("train", LONG)
    assert not leaks("test", LONG)
    assert not leaks("eval", LONG)
    assert not leaks("train", "train me on this one")


def test_where_nothing_is_kept_back_nothing_leaks(kept: Callable[..., Leaks]) -> None:
    assert not kept()("train", LONG)


@pytest.mark.parametrize(("texts", "crowded"), [(CROWDED, False), (CROWDED + 1, True)])
def test_a_crowd_in_a_band_is_near_unseen(tmp_path: Path, texts: int, crowded: bool) -> None:
    back = KeptBack()
    for number in range(texts):
        found = sketch(f"one text of many is {number}")
        back.add("eval", found._replace(bands=sketch(LONG).bands))
        back.add("eval", found._replace(bands=sketch(LONG).bands))
    back.save(tmp_path)
    assert Index(tmp_path).leaks([("train", sketch(LONG))]) == [crowded]


@given(st.text(), st.text())
def test_sketches_are_functions_of_the_text(one: str, other: str) -> None:
    assert sketch(one) == sketch(one)
    assert 0 <= similarity(sketch(one).shingles, sketch(other).shingles) <= 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("明天早上提醒我给妈妈打电话并且买花", "明天早上提醒我给妈妈打电话并且买茶"),
        ("明日の朝に母へ電話するように知らせて", "明日の朝に母へ電話するように教えて"),
        ("พรุ่งนี้เช้าช่วยเตือนให้โทรหาแม่ด้วยนะครับ", "พรุ่งนี้เช้าช่วยเตือนให้โทรหาแม่ด้วยนะคะ"),
    ],
)
def test_text_without_spaces_is_compared_by_its_characters(one: str, other: str) -> None:
    assert 0.6 < similarity(sketch(one).shingles, sketch(other).shingles) < 1


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
    assert common_split([found["eval"], found["eval"]], rules, {}) == "eval"
    assert common_split([found["eval"], found["train"]], rules, {}) is None
    kin = {found["train"]: found["test"], found["test"]: found["test"]}
    assert common_split([found["train"], found["test"]], rules, kin) == "test"
