"""What differs between two sides is what is coloured."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.pairs.screen import coloured


def marked(text: object) -> str:
    """Return what is coloured in a text."""
    return "".join(text.plain[span.start : span.end] for span in text.spans)  # type: ignore[attr-defined]


def test_only_words_that_differ_are_coloured() -> None:
    left, right = coloured('read {"path": "a.txt"}', 'read {"path": "b.txt"}')
    assert (marked(left), marked(right)) == ("a", "b")


PRINTED = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=60)
"""Control characters never reach the terminal."""


@given(PRINTED, PRINTED)
def test_nothing_is_lost(one: str, other: str) -> None:
    left, right = coloured(one, other)
    assert (left.plain, right.plain) == (one, other)
    assert marked(coloured(one, one)[0]) == ""
