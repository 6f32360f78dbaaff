"""Siblings on one session's tree, and recoveries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from schemas.settings import Pairs
from schemas.turn import ContextMessage, Turn
from sinks.example import Scored
from sinks.strategies import branch
from sinks.strategies.asked import Asked
from sinks.strategies.recovery import recovery

Make = Callable[..., Any]
CONTEXT = (ContextMessage(role="user", text="hello"),)


def key(turn: Turn) -> str:
    return branch.key(Asked.model_validate_json(turn.to_bytes()))


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"request": "DO  it"}, True),
        ({"session": "other"}, False),
        ({"request": "do that"}, False),
        ({"context": ()}, False),
        ({"agent": "other"}, False),
    ],
)
def test_siblings_have_one_prompt_in_one_session(
    make_turn: Make, change: dict[str, Any], same: bool
) -> None:
    fields = {"session": "s", "request": "do it", "context": CONTEXT}
    one, other = make_turn(1, **fields), make_turn(2, **(fields | change))
    assert (key(one) == key(other)) is same
    if change.keys() & {"session", "request", "context"}:
        assert (branch.evidence(one, other, Pairs()) == "siblings") is same


def failing(make_turn: Make, make_steps: Make, *calls: Any, error: str = "no such file") -> Turn:
    first, result, *rest = make_steps(*calls)
    failed = result.model_copy(update={"text": error, "is_error": True})
    turn: Turn = make_turn(1, request="read the notes", steps=(first, failed, *rest))
    return turn


def test_a_call_that_set_a_failed_one_right(make_turn: Make, make_steps: Make) -> None:
    turn = failing(
        make_turn, make_steps, ("read", {"path": "notes"}, ""), ("read", {"path": "notes.md"}, "x")
    )
    pair = recovery(Scored(turn, 9), "p")
    assert pair is not None
    assert (pair.strategy, pair.margin, pair.rejected.overall) == ("branch", None, None)
    assert pair.evidence == "recovery: read failed (error), its next call set it right"
    assert [message.role for message in pair.prompt] == ["user"]
    for each, path, decision in ((pair.chosen, "notes.md", 2), (pair.rejected, "notes", 1)):
        (message,) = each.messages
        (call,) = message.tool_calls or ()
        assert call["function"]["arguments"] == {"path": path}
        assert (call["id"], each.decision) == ("call_1", decision)


def test_what_the_failure_told_is_not_to_be_guessed(make_turn: Make, make_steps: Make) -> None:
    turn = failing(
        make_turn,
        make_steps,
        ("read", {"path": "notes"}, ""),
        ("read", {"path": "notes.md"}, "x"),
        error="did you mean notes.md?",
    )
    assert recovery(Scored(turn, 9), "p") is None


def test_another_tool_or_a_second_failure_is_no_recovery(make_turn: Make, make_steps: Make) -> None:
    read = ("read", {"path": "notes"}, "")
    turn = failing(make_turn, make_steps, read, ("exec", {"command": "cat x.md"}, "x"))
    assert recovery(Scored(turn, 9), "p") is None
    first, failed, second, result, *rest = failing(
        make_turn, make_steps, read, ("read", {"path": "n.md"}, "")
    ).steps
    both = (first, failed, second, result.model_copy(update={"is_error": True}), *rest)
    assert recovery(Scored(make_turn(1, steps=both), 9), "p") is None
