"""When two decisions say nearly the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.pair import ChatMessage
from sinks.likeness import length, nearly_identical, similarity

LONG = "the quick brown fox jumps over the lazy dog and then sleeps all day in the warm sun"


def message(text: str = "", **arguments: Any) -> ChatMessage:
    call = {"id": "call_1", "type": "function", "function": {"name": "t", "arguments": arguments}}
    return ChatMessage(role="assistant", content=text, tool_calls=(call,) if arguments else None)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (message(a="ls  x"), message(a="LS x"), True),
        (message(a="ls x"), message(a="ls y"), False),
        (message(a=1), message(a=True), False),
        (message("hi", a=1), message("ho", a=1), False),
        (message(LONG), message(LONG + "!"), True),
        (message(LONG), message(LONG.replace("fox", "cat").replace("dog", "hen")), False),
        (message("yes"), message("no"), False),
        (message("yes"), message("Yes."), True),
    ],
)
def test_near_identity(one: ChatMessage, other: ChatMessage, same: bool) -> None:
    assert nearly_identical(one, other) is same
    assert nearly_identical(other, one) is same


@given(st.text(), st.text())
def test_similarity_is_symmetric_and_1_for_the_same(one: str, other: str) -> None:
    assert similarity(one, one) == 1
    assert 0 <= similarity(one, other) == similarity(other, one) <= 1


def test_length_counts_text_and_calls() -> None:
    assert length(message("four")) == 4
    assert length(message("four", a=1)) == 4 + len('{"name": "t", "arguments": {"a": 1}}')
