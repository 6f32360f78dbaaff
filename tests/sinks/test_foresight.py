"""What a decision may not know under an earlier prompt."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.pair import ChatMessage
from sinks.foresight import borrowed, looks_back, texts_of


def calling(**arguments: Any) -> ChatMessage:
    call = {"id": "call_1", "type": "function", "function": {"name": "t", "arguments": arguments}}
    return ChatMessage(role="assistant", tool_calls=(call,))


@pytest.mark.parametrize(
    ("arguments", "known", "learned", "words"),
    [
        ({"path": "/a/notes.txt"}, "read my notes", "no such file; did you mean /a/notes.txt?", 1),
        ({"path": "/a/notes.txt"}, "read /a/notes.txt", "see /a/notes.txt", 0),
        ({"path": "/a/other.txt"}, "read my notes", "no such file", 0),
        ({"calendar": "Work"}, "move the dentist", "no, in the work calendar!", 1),
        ({"deep": [{"er": "Rome"}]}, "fly", "to rome", 1),
        ({"a": 1}, "", "1 a", 0),
    ],
)
def test_words_that_were_told_only_later(
    arguments: dict[str, Any], known: str, learned: str, words: int
) -> None:
    assert len(borrowed(calling(**arguments), [known], [learned])) == words


@pytest.mark.parametrize("text", ["Sorry, I'll look again.", "You're right.", "Trying again:"])
def test_words_that_answer_a_complaint(text: str) -> None:
    assert looks_back(ChatMessage(role="assistant", content=text))
    assert not looks_back(ChatMessage(role="assistant", content="Let me look."))


def test_texts_include_calls() -> None:
    assert texts_of([calling(x="é")]) == ["", '{"name": "t", "arguments": {"x": "é"}}']
