"""Each rule alone: what it drops, what it lets pass, what it says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agents.prefilter.rules import aborted, empty_calls, rules, short, trigger
from schemas.settings import Prefilter, Rule, ShortRule, TriggerRule
from schemas.turn import Turn

MakeTurn = Callable[..., Turn]


def test_short_counts_request_calls_and_answer(make_turn: MakeTurn) -> None:
    turn = make_turn(request="hi", calls=[{"name": "ls", "text": "x"}], answer="yo")
    assert short(turn, ShortRule(min_chars=8)) is None  # 2 + 2 ("ls") + 2 ("{}") + 2
    seen = short(turn, ShortRule(min_chars=9))
    assert seen == "8 characters of request, calls and answer, fewer than 9"


def test_blank_space_does_not_make_a_turn_long(make_turn: MakeTurn) -> None:
    turn = make_turn(request="hi" + " " * 50, calls=[], answer="\n" * 50)
    assert short(turn, ShortRule(min_chars=20)) is not None


def test_a_request_with_an_image_is_not_short(make_turn: MakeTurn) -> None:
    assert short(make_turn(request="", calls=[], answer="", images=1), ShortRule()) is None


def test_arguments_a_strict_encoder_refuses_are_counted(make_turn: MakeTurn) -> None:
    turn = make_turn(request="", calls=[{"name": "x", "arguments": {"n": 1 << 80}}], answer="")
    assert short(turn, ShortRule(min_chars=25)) is None


@pytest.mark.parametrize(
    ("call", "dropped"),
    [
        ({"name": "x", "unanswered": True}, True),
        ({"name": "x", "arguments": {"path": " ", "deep": [{}, None]}, "unanswered": True}, True),
        ({"name": "x", "text": "[openclaw] missing", "synthetic": True, "is_error": True}, True),
        ({"name": "x", "text": " "}, True),
        ({"name": "x", "text": "ok"}, False),
        ({"name": "x", "images": 1}, False),
        ({"name": "x", "is_error": True}, False),
        ({"name": "x", "arguments": {"n": 0}, "unanswered": True}, False),
        ({"name": "x", "arguments": {"flag": False}, "unanswered": True}, False),
        ({"name": "nosuchtool", "orphan": True, "is_error": True, "text": "not found"}, False),
    ],
)
def test_empty_calls(make_turn: MakeTurn, call: dict[str, object], dropped: bool) -> None:
    assert (empty_calls(make_turn(calls=[call]), Rule()) is not None) is dropped


def test_one_call_with_content_keeps_the_turn(make_turn: MakeTurn) -> None:
    calls = [{"name": "x", "unanswered": True}, {"name": "x", "text": "something"}]
    assert empty_calls(make_turn(calls=calls), Rule()) is None


def test_empty_calls_says_how_many(make_turn: MakeTurn) -> None:
    calls = [{"name": "x", "unanswered": True}] * 2
    seen = empty_calls(make_turn(calls=calls), Rule())
    assert seen == "2 tool calls without arguments and without a result"


def test_aborted_looks_at_the_end_only(make_turn: MakeTurn) -> None:
    assert aborted(make_turn(stop_reason="aborted"), Rule()) == "aborted after 1 tool call"
    assert aborted(make_turn(stop_reason="stop"), Rule()) is None


def test_trigger_drops_what_is_listed(make_turn: MakeTurn) -> None:
    rule = TriggerRule(triggers=("heartbeat", "cron"))
    assert trigger(make_turn(trigger="cron"), rule) == "started by cron"
    assert trigger(make_turn(trigger="user"), rule) is None


def test_a_rule_that_is_off_is_not_there() -> None:
    assert [name for name, _ in rules(Prefilter())] == [
        "trigger",
        "aborted",
        "empty_calls",
        "short",
    ]
    off = Prefilter(short=ShortRule(enabled=False), aborted=Rule(enabled=False))
    assert [name for name, _ in rules(off)] == ["trigger", "empty_calls"]
