"""The user asked again, and a later turn did it well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from schemas.pair import PreferencePair
from schemas.turn import Turn
from sinks.example import Scored
from sinks.strategies.retry import retry

Make = Callable[..., Any]
LS = ("exec", {"command": "ls"}, "a b")
CAT = ("read", {"path": "a"}, "text")
WEB = ("web_search", {"query": "flight to lisbon"}, "none")


def found(first: Turn, later: Turn, *replies: str) -> PreferencePair | None:
    return retry(Scored(first, 2), Scored(later, 9), replies, "p")


def name(pair: PreferencePair | None, kind: str) -> str:
    assert pair is not None
    (message,) = (pair.chosen if kind == "chosen" else pair.rejected).messages
    return str((message.tool_calls or ())[0]["function"]["name"])


def test_the_good_decision_stands_under_the_first_prompt(make_turn: Make, make_steps: Make) -> None:
    first = make_turn(1, request="look at a", steps=make_steps(LS))
    later = make_turn(2, request="no, look at a", steps=make_steps(CAT))
    pair = found(first, later, "no, look at a")
    assert (name(pair, "chosen"), name(pair, "rejected")) == ("read", "exec")
    assert pair is not None
    assert [(m.role, m.content) for m in pair.prompt] == [("user", "look at a")]
    assert (pair.strategy, pair.margin, pair.started_ms) == ("retry", 7, first.started_ms)
    assert pair.chosen.session == later.session


def test_a_failed_call_is_what_gets_replaced(make_turn: Make, make_steps: Make) -> None:
    steps = list(make_steps(LS, WEB, CAT))
    steps[3] = steps[3].model_copy(update={"is_error": True})
    first = make_turn(1, request="look at a", steps=tuple(steps))
    pair = found(first, make_turn(2, request="look at a", steps=make_steps(LS, CAT)))
    assert (name(pair, "chosen"), name(pair, "rejected")) == ("read", "web_search")
    assert pair is not None
    assert [m.role for m in pair.prompt] == ["user", "assistant", "tool"]
    assert (pair.chosen.messages[0].tool_calls or ())[0]["id"] == "call_2"
    assert "web_search failed" in pair.evidence


def test_without_evidence_the_first_that_was_made_otherwise(
    make_turn: Make, make_steps: Make
) -> None:
    first = make_turn(1, steps=make_steps(LS, WEB))
    pair = found(first, make_turn(2, steps=make_steps(LS, CAT)))
    assert (name(pair, "chosen"), name(pair, "rejected")) == ("read", "web_search")


@pytest.mark.parametrize("reply", ["no, use the file beta.txt", "beta.txt!"])
def test_what_only_the_correction_told_makes_none(
    make_turn: Make, make_steps: Make, reply: str
) -> None:
    first = make_turn(1, request="look at the file", steps=make_steps(LS))
    later = make_turn(2, request=reply, steps=make_steps(("read", {"path": "beta.txt"}, "")))
    assert found(first, later, reply) is None


def test_an_apology_or_mere_words_make_none(make_turn: Make, make_steps: Make) -> None:
    first = make_turn(1, steps=make_steps(LS))
    decision, *rest = make_steps(CAT)
    sorry = decision.model_copy(update={"text": "Sorry, let me look."})
    assert found(first, make_turn(2, steps=(sorry, *rest))) is None
    words = decision.model_copy(update={"calls": (), "text": "It is done.", "stop_reason": "stop"})
    assert found(first, make_turn(2, steps=(words,))) is None


def test_the_same_again_makes_none(make_turn: Make, make_steps: Make) -> None:
    steps = make_steps(LS)
    assert found(make_turn(1, steps=steps), make_turn(2, steps=steps)) is None
