"""Decisions with a label."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas.turn import ToolCall
from sinks.example import Scored
from sinks.strategies.unpaired import unpaired

Make = Callable[..., Any]
LS = ("exec", {"command": "ls"}, "a b")
CAT = ("read", {"path": "a"}, "text")


def test_of_a_bad_turn_the_decision_to_blame(make_turn: Make, make_steps: Make) -> None:
    steps = list(make_steps(LS, CAT))
    steps[3] = steps[3].model_copy(update={"is_error": True})
    found = unpaired(Scored(make_turn(1, steps=tuple(steps)), 2), good=False)
    assert found is not None
    assert (found.label, found.decision, found.overall) == (False, 2, 2)
    assert "read failed" in found.evidence
    assert [m.role for m in found.prompt] == ["user", "assistant", "tool"]
    assert found.completion.role == "assistant"


def test_of_good_turns_every_kind_of_decision_comes_up(make_turn: Make, make_steps: Make) -> None:
    drawn = set()
    for number in range(30):
        turn = make_turn(number, steps=make_steps(LS, CAT)).model_copy(
            update={"id": f"{number:08x}" + "0" * 24}
        )
        found = unpaired(Scored(turn, 9), good=True)
        assert found == unpaired(Scored(turn, 9), good=True)
        assert found is not None
        assert found.label
        drawn.add(found.decision)
    assert drawn == {1, 2, 3}


def test_a_good_turns_failed_call_is_not_drawn(make_turn: Make, make_steps: Make) -> None:
    steps = list(make_steps(LS))
    steps[1] = steps[1].model_copy(update={"is_error": True})
    for number in range(8):
        turn = make_turn(number, steps=tuple(steps)).model_copy(
            update={"id": f"{number:08x}" + "0" * 24}
        )
        found = unpaired(Scored(turn, 9), good=True)
        assert found is not None
        assert found.decision == 2


def test_nothing_is_learned_from_what_no_model_wrote_or_the_log_has_cut(
    make_turn: Make, make_steps: Make
) -> None:
    decision, result, *rest = make_steps(LS)
    assert isinstance(decision.calls[0], ToolCall)
    foreign = tuple(
        each.model_copy(update={"provider": "openclaw"}) if each.role == "assistant" else each
        for each in (decision, result, *rest)
    )
    assert unpaired(Scored(make_turn(1, steps=foreign), 9), good=True) is None
    cut = result.model_copy(update={"omitted_chars": 5, "is_error": True})
    again = make_steps(CAT, prefix="y")
    failed = again[1].model_copy(update={"is_error": True})
    steps = (decision, cut.model_copy(update={"is_error": False}), again[0], failed, *rest)
    assert unpaired(Scored(make_turn(1, steps=steps), 2), good=False) is None
