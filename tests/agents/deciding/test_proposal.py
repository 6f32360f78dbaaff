"""A turn up to another decision, as judges see it."""

from __future__ import annotations

from collections.abc import Callable

from agents.deciding import proposal
from agents.judges.prompt import render
from schemas.generation import GeneratedSide, generation_id
from schemas.pair import ChatMessage
from schemas.turn import Turn

MakeTurn = Callable[..., Turn]
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "read", "arguments": {"path": "a.txt"}},
}
CALLS = ChatMessage(role="assistant", tool_calls=(CALL,))
SIDES: tuple[GeneratedSide, ...] = ("chosen", "rejected")
SAYS = ChatMessage(role="assistant", content="There is one file.")


def test_it_ends_with_the_decision_and_is_another_turn(make_turn: MakeTurn) -> None:
    turn = make_turn(reaction="no, wrong")
    made = proposal(turn, 1, CALLS, "helper")
    assert made.id == generation_id(turn.id, 1, "helper", CALLS) != turn.id
    assert [call.name for call in made.calls] == ["read"]
    assert (len(made.steps), made.results, made.reaction, made.answer) == (1, (), None, "")


def test_a_decision_for_the_other_side_has_an_id_of_its_own(make_turn: MakeTurn) -> None:
    one, other = (proposal(make_turn(), 1, CALLS, "helper", side) for side in SIDES)
    assert one.id != other.id == generation_id(make_turn().id, 1, "helper", CALLS, "rejected")
    assert one.steps == other.steps


def test_what_came_before_the_decision_stays(make_turn: MakeTurn) -> None:
    turn = make_turn()
    made = proposal(turn, 2, SAYS, "helper")
    assert made.steps[:-1] == turn.steps[:2]
    assert made.answer == "There is one file."


def test_judges_are_told_that_it_was_not_run(make_turn: MakeTurn) -> None:
    turn = make_turn()
    shown = render(proposal(turn, 1, CALLS, "helper"), None, 10_000)
    assert "called read (proposed, not run)" in shown
    assert "no answer ever came" not in shown
    assert "is a proposal" in shown
    assert "proposal" not in render(turn, None, 10_000)


def test_a_turn_of_the_line_says_nothing_of_proposals(make_turn: MakeTurn) -> None:
    assert b"proposed" not in make_turn().to_bytes()
