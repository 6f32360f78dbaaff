"""What is counted, and what is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agents.judges.signals.evidence import Evidence, collect
from schemas.reaction import Reaction
from schemas.turn import Turn

MakeTurn = Callable[..., Turn]
OK = {"name": "exec", "arguments": {"command": "ls"}, "text": "a.txt", "exit_code": 0}
BAD = {"name": "exec", "arguments": {"command": "cat x"}, "text": "no such file", "exit_code": 1}
READ = {"name": "read", "arguments": {"path": "a.txt"}, "text": "hello"}


def gather(make_turn: MakeTurn, *calls: dict[str, Any], **fields: Any) -> Evidence:
    return collect(make_turn(calls=calls, **fields))


def test_a_clean_turn(make_turn: MakeTurn) -> None:
    evidence = gather(make_turn, OK, READ)
    assert evidence == Evidence(
        calls=2, rounds=2, tokens_in=3000, tokens_out=120, seconds=evidence.seconds
    )
    assert evidence.seconds == pytest.approx(1.5)


@pytest.mark.parametrize(
    "broken",
    [BAD, {**OK, "is_error": True}, {**OK, "exit_code": None, "status": "failed"}],
)
def test_failures_and_their_recovery(make_turn: MakeTurn, broken: dict[str, Any]) -> None:
    alone = gather(make_turn, broken)
    assert (alone.failed, alone.unrecovered, alone.wasted) == (1, 1, 1)
    later = gather(make_turn, broken, {**OK, "text": "b.txt"})
    assert (later.failed, later.unrecovered) == (1, 0)
    other_tool = gather(make_turn, broken, READ)
    assert (other_tool.failed, other_tool.unrecovered) == (1, 1)
    earlier = gather(make_turn, {**OK, "text": "b.txt"}, broken)
    assert (earlier.failed, earlier.unrecovered) == (1, 1)


def test_the_first_failures_are_named(make_turn: MakeTurn) -> None:
    evidence = gather(make_turn, BAD, {**READ, "is_error": True})
    assert evidence.failures == ("exec (exit 1)", "read (error)")


@pytest.mark.parametrize(
    ("command", "failed"),
    [
        ("grep -r needle .", 0),
        ("cat log | grep 'a|b' ", 0),
        ("cd /tmp && /usr/bin/diff a b", 0),
        ("test -f x", 0),
        ("LC_ALL=C sudo grep x y", 0),
        ("grep x y; cat /no/such", 1),
        ("echo grep; false", 1),
        ("cat 'grep", 1),
        ("", 1),
    ],
)
def test_exit_code_one_of_a_search_is_an_answer(
    make_turn: MakeTurn, command: str, failed: int
) -> None:
    call = {"name": "exec", "arguments": {"command": command}, "text": "", "exit_code": 1}
    assert gather(make_turn, call).failed == failed
    assert gather(make_turn, {**call, "exit_code": 2}).failed == 1


def test_unknown_tools(make_turn: MakeTurn) -> None:
    call = {"name": "nosuchtool", "orphan": True, "is_error": True, "text": "not found"}
    evidence = gather(make_turn, call, OK)
    assert (evidence.unknown, evidence.failed, evidence.calls) == (1, 0, 1)
    assert evidence.strangers == ("nosuchtool",)


def test_unanswered_calls(make_turn: MakeTurn) -> None:
    made_up = {**OK, "synthetic": True, "is_error": True}
    evidence = gather(make_turn, made_up, {**READ, "unanswered": True})
    assert (evidence.unanswered, evidence.failed, evidence.wasted) == (2, 0, 2)


def test_call_ids_that_are_used_again(make_turn: MakeTurn) -> None:
    turn = make_turn(calls=[OK, {**OK, "text": "b.txt"}])
    steps = tuple(
        step.model_copy(
            update={"call_id": "c"}
            if step.role == "tool"
            else {"calls": tuple(c.model_copy(update={"id": "c"}) for c in step.calls)}
        )
        for step in turn.steps
    )
    assert collect(turn.model_copy(update={"steps": steps})).unanswered == 0


def test_repeating_is_waste_but_polling_is_not(make_turn: MakeTurn) -> None:
    assert gather(make_turn, OK, OK, OK).wasted == 2
    assert gather(make_turn, OK, {**OK, "text": "a.txt b.txt"}).wasted == 0
    other_order = {**OK, "arguments": {"b": 1, "a": 2}}
    assert gather(make_turn, other_order, {**OK, "arguments": {"a": 2, "b": 1}}).wasted == 1


def test_trying_the_same_after_the_same_error_is_stubborn(make_turn: MakeTurn) -> None:
    evidence = gather(make_turn, BAD, BAD, BAD)
    assert (evidence.stubborn, evidence.wasted) == (2, 3)
    assert gather(make_turn, BAD, {**BAD, "text": "permission denied"}).stubborn == 0


@pytest.mark.parametrize(
    ("fields", "blank"),
    [
        ({"answer": "There."}, False),
        ({"answer": " \n"}, True),
        ({"answer": ":"}, True),
        ({"answer": " … "}, True),
        ({"answer": "Thought process:"}, True),
        ({"answer": "**Solution**"}, True),
        ({"answer": "Let's solve this problem step by step."}, True),
        ({"answer": "Here is your list:"}, True),
        ({"answer": "Here is your list:\n- milk"}, False),
        ({"answer": "👍"}, False),
        ({"answer": "Done"}, False),
        ({"answer": "好的"}, False),
        ({"answer": ":", "calls": [{"name": "message", "text": "sent"}]}, False),
        ({"answer": "NO_REPLY"}, True),
        ({"answer": "NO_REPLY", "trigger": "cron"}, False),
        ({"answer": "NO_REPLY", "calls": [{"name": "message", "text": "sent"}]}, False),
        ({"answer": "NO_REPLY", "calls": [{"name": "message", "is_error": True}]}, True),
    ],
)
def test_blank_answers(make_turn: MakeTurn, fields: dict[str, Any], blank: bool) -> None:
    assert collect(make_turn(**fields)).blank is blank


@pytest.mark.parametrize(
    ("reason", "ending"),
    [("stop", ""), ("toolUse", "unfinished"), ("length", "length"), ("", ""), ("new", "")],
)
def test_endings(make_turn: MakeTurn, reason: str, ending: str) -> None:
    assert collect(make_turn(stop_reason=reason)).ending == ending


def test_a_claim_counts_only_over_a_failure(make_turn: MakeTurn) -> None:
    assert gather(make_turn, BAD, answer="All done!").claimed
    assert not gather(make_turn, OK, answer="All done!").claimed
    assert not gather(make_turn, BAD, answer="Sorry, I could not find it.").claimed


def test_the_given_reaction_wins_over_the_one_in_the_turn(make_turn: MakeTurn) -> None:
    turn = make_turn(reaction="thanks!")
    said = Reaction(id="r", turn_id=turn.id, text="no, that's wrong")
    inside, given = collect(turn).heard, collect(turn, said).heard
    assert inside is not None
    assert inside.thanks
    assert given is not None
    assert given.correction


def test_the_same_request_much_later_is_a_habit(make_turn: MakeTurn) -> None:
    request = "please check my mail for new invoices"
    soon = collect(make_turn(request=request, reaction=request)).heard
    later = collect(
        make_turn(request=request, reaction=request, reaction_after_ms=86_400_000)
    ).heard
    assert soon is not None
    assert soon.repeated
    assert later is not None
    assert not later.repeated
