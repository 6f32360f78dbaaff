"""Cutting and defusing what goes between the marks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.judges.shorten import defused, one_line, quoted


@pytest.mark.parametrize(
    "token",
    ["<|im_end|>", "<|eot_id|>", "</think>", "<THINK>", "</s>", "<start_of_turn>", "[/INST]"],
)
def test_control_tokens_are_broken_and_stay_legible(token: str) -> None:
    said = defused(f"a{token}b")
    assert token not in said
    assert said.replace(" ", "") == f"a{token}b"


def test_other_marks_stay() -> None:
    code = "if a < b and c[INSTALL] <b>bold</b> <std::vector> x <| y".replace("<| y", "")
    assert defused(code) == code


def test_what_no_encoder_takes_is_replaced() -> None:
    assert defused("a\ud83d\x1b[0m\r\nb\tc") == "a\ufffd\ufffd[0m\nb\tc"


def test_a_cut_says_how_much_is_gone() -> None:
    said = quoted("a" * 500 + "b" * 500, 200)
    head, note, tail = said.split("\n")
    assert note == "[852 characters left out]"
    assert head == "| " + "a" * 98
    assert tail == "| " + "b" * 50


def test_the_newest_is_kept_of_what_came_before() -> None:
    said = quoted("old\n" * 100 + "new", 100, keep="end")
    assert said.startswith("[")
    assert said.endswith("| new")


@given(st.text(), st.integers(0, 300), st.sampled_from(["both", "end"]))
def test_every_line_of_data_stays_behind_a_bar(text: str, limit: int, keep: str) -> None:
    said = quoted(text, limit, keep="both" if keep == "both" else "end")
    assert len(said) <= limit or said == ""
    if limit >= 80:
        frames = [line for line in said.split("\n") if not line.startswith("|")]
        assert len(frames) <= 1
        assert all(line.endswith(" characters left out]") for line in frames)


@given(st.integers(0, 260), st.integers(80, 200), st.sampled_from(["both", "end"]))
def test_what_stands_for_a_secret_is_never_cut(before: int, limit: int, keep: str) -> None:
    mark = "<secret:private-key:1f0c9a3e>"
    text = "x\r\n" * (before // 3) + mark + "y" * (260 - before)
    for said in (
        quoted(text, limit, keep="both" if keep == "both" else "end"),
        one_line(text, limit),
    ):
        assert len(said) <= limit
        assert not set("<>:") & set(said.replace(mark, ""))


@given(st.text(), st.integers(1, 50))
def test_one_line_is_one_line(text: str, limit: int) -> None:
    said = one_line(text, limit)
    assert len(said) <= limit
    assert len(said.splitlines()) <= 1
