"""Cutting texts to a length."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agents.extract.text import cut_middle

MARK = "<personal:email:1f0c9a3e>"


def test_beginning_and_end_are_kept_and_a_mark_says_how_much_is_gone() -> None:
    text, omitted = cut_middle("a" * 200 + "b" * 200, 148)
    assert (text, omitted) == ("a" * 50 + "\n[… 300 characters left out …]\n" + "b" * 50, 300)
    assert cut_middle("abc", 3) == ("abc", 0)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=12), st.integers(0, 300))
def test_what_stands_for_a_secret_is_never_cut(gaps: list[int], limit: int) -> None:
    whole = "".join("x" * gap + MARK for gap in gaps)
    text, omitted = cut_middle(whole, limit)
    assert len(text) <= limit or text == whole
    rest = text.replace(MARK, "")
    assert not set("<>:") & set(rest)
    kept = len(text) - (len(f"\n[… {omitted} characters left out …]\n") if "…" in text else 0)
    assert kept + omitted == len(whole)
