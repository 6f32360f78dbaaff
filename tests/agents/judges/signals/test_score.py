"""The scores go one way: more trouble never raises one, and they land where pairs need them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.judges.signals.evidence import Evidence, collect
from agents.judges.signals.score import PENALTIES, WEIGHTS, StrictOn, score
from agents.judges.signals.words import Heard
from schemas.judgement import DIMENSIONS, Scores
from schemas.turn import Turn

MakeTurn = Callable[..., Turn]
STRICT: tuple[StrictOn, ...] = ("errors", "reaction", "efficiency")
strict = st.sampled_from(STRICT)
counts = st.integers(0, 12)
OK = {"name": "exec", "arguments": {"command": "ls"}, "text": "a.txt", "exit_code": 0}
BAD = {"name": "exec", "arguments": {"command": "cat x"}, "text": "no such file", "exit_code": 1}


@st.composite
def evidences(draw: st.DrawFn) -> Evidence:
    unrecovered = draw(counts)
    correction = draw(st.booleans())
    return Evidence(
        calls=draw(counts),
        rounds=draw(counts),
        failed=unrecovered + draw(counts),
        unrecovered=unrecovered,
        unknown=draw(counts),
        unanswered=draw(counts),
        wasted=draw(counts),
        stubborn=draw(counts),
        ending=draw(st.sampled_from(["", "error", "aborted", "length", "unfinished"])),
        blank=draw(st.booleans()),
        claimed=draw(st.booleans()),
        heard=Heard(correction=correction, repeated=draw(st.booleans())),
        tokens_in=draw(st.integers(0, 10_000_000)),
        tokens_out=draw(st.integers(0, 200_000)),
        seconds=draw(st.floats(0, 86_400)),
    )


def values(scores: Scores) -> tuple[int, ...]:
    return tuple(getattr(scores, dimension) for dimension in DIMENSIONS)


def no_higher(after: Scores, before: Scores) -> bool:
    return all(a <= b for a, b in zip(values(after), values(before), strict=True))


@given(evidence=evidences(), strict_on=strict, more=st.data())
def test_more_of_anything_never_raises_a_score(
    evidence: Evidence, strict_on: StrictOn, more: st.DataObject
) -> None:
    name = more.draw(
        st.sampled_from([f.name for f in fields(Evidence) if f.type in ("int", "float")]).filter(
            lambda name: name != "unrecovered"
        )
    )
    worse = replace(evidence, **{name: getattr(evidence, name) + more.draw(st.integers(1, 9))})
    assert no_higher(score(worse, strict_on), score(evidence, strict_on))


@given(evidence=evidences(), strict_on=strict)
def test_losing_a_recovery_never_raises_a_score(evidence: Evidence, strict_on: StrictOn) -> None:
    if evidence.failed > evidence.unrecovered:
        worse = replace(evidence, unrecovered=evidence.unrecovered + 1)
        assert no_higher(score(worse, strict_on), score(evidence, strict_on))


@given(evidence=evidences(), strict_on=strict)
def test_facts_go_one_way(evidence: Evidence, strict_on: StrictOn) -> None:
    now = score(evidence, strict_on)
    for bad in ({"blank": True}, {"claimed": True}, {"heard": Heard(True, False, True)}):
        assert no_higher(score(replace(evidence, **bad), strict_on), now)
    assert no_higher(now, score(replace(evidence, ending=""), strict_on))
    assert no_higher(now, score(replace(evidence, heard=Heard(thanks=True)), strict_on))


calls = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["exec", "read", "message"]),
            "arguments": st.fixed_dictionaries({"n": st.integers(0, 1)}),
            "text": st.sampled_from(["a", "b"]),
            "exit_code": st.sampled_from([None, 0, 1]),
        },
        optional={"unanswered": st.just(True), "orphan": st.just(True)},
    ),
    max_size=7,
)
answers = st.sampled_from(["All done!", "Sorry, it failed.", "", "NO_REPLY", "It is 12."])


@given(drawn=calls, answer=answers, strict_on=strict, at=st.integers(0, 6))
def test_a_call_that_fails_never_scores_higher(
    make_turn: MakeTurn, drawn: list[dict[str, Any]], answer: str, strict_on: StrictOn, at: int
) -> None:
    """The same turn, but one call that went well went wrong: on real turns, not on counts."""
    if not drawn:
        return
    at %= len(drawn)
    if drawn[at].get("orphan") or drawn[at].get("unanswered"):
        return
    worse = [*drawn[:at], {**drawn[at], "is_error": True}, *drawn[at + 1 :]]
    now = score(collect(make_turn(calls=drawn, answer=answer)), strict_on)
    then = score(collect(make_turn(calls=worse, answer=answer)), strict_on)
    assert no_higher(then, now)


@given(drawn=calls, answer=answers, strict_on=strict)
def test_repeating_the_last_call_never_raises_efficiency(
    make_turn: MakeTurn, drawn: list[dict[str, Any]], answer: str, strict_on: StrictOn
) -> None:
    if not drawn:
        return
    now = score(collect(make_turn(calls=drawn, answer=answer)), strict_on)
    again = score(collect(make_turn(calls=[*drawn, drawn[-1]], answer=answer)), strict_on)
    assert again.efficiency <= now.efficiency


@given(drawn=calls, said=st.text(max_size=40), strict_on=strict)
def test_thanks_never_lower_a_score(
    make_turn: MakeTurn, drawn: list[dict[str, Any]], said: str, strict_on: StrictOn
) -> None:
    plain = score(collect(make_turn(calls=drawn, reaction=said)), strict_on)
    thanked = score(collect(make_turn(calls=drawn, reaction=f"Thank you! {said}")), strict_on)
    assert no_higher(plain, thanked)


@pytest.mark.parametrize("strict_on", STRICT)
@pytest.mark.parametrize(
    ("turn", "low", "high"),
    [
        ({}, 7, 10),
        ({"reaction": "thanks, perfect"}, 9, 10),
        ({"calls": [BAD, OK]}, 7, 9),
        ({"calls": [BAD]}, 4, 6),
        ({"calls": [BAD], "answer": "Done!"}, 1, 4),
        ({"calls": [BAD, {**BAD, "arguments": {"command": "cat y"}}]}, 1, 4),
        ({"calls": [BAD, BAD, BAD]}, 1, 3),
        ({"reaction": "No, that's not what I asked"}, 1, 4),
        ({"reaction": "please list the files in the work folder"}, 1, 4),
        ({"answer": "", "stop_reason": "error"}, 1, 2),
        ({"answer": ""}, 1, 5),
        ({"calls": [OK] * 6}, 4, 7),
    ],
)
def test_scores_land_where_pairs_need_them(
    make_turn: MakeTurn, strict_on: StrictOn, turn: dict[str, Any], low: int, high: int
) -> None:
    assert low <= score(collect(make_turn(**turn)), strict_on).overall <= high


def test_the_tables_are_whole() -> None:
    assert all(sum(weights) == 100 for weights in WEIGHTS.values())
    for penalty in PENALTIES:
        weights = (penalty.tool, penalty.task, penalty.instruction, penalty.efficiency)
        assert min(*weights, penalty.overall) >= 0
        assert sum(weights) > 0
