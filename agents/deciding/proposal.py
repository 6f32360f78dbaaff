"""A turn as it would have been up to another decision, for judges to look at."""

from __future__ import annotations

from schemas.generation import GeneratedSide, generation_id
from schemas.pair import ChatMessage
from schemas.turn import Decision, Step, ToolCall, Turn


def proposal(
    turn: Turn,
    number: int,
    message: ChatMessage,
    model: str,
    side: GeneratedSide = "chosen",
) -> Turn:
    """Return a turn that ends with another decision than it did.

    Its id is the generation's, so that what is said of it is never taken for what is said of the
    turn. No reaction belongs to it, and its calls have no results: `proposed` says so.

    Args:
        turn: the turn.
        number: which decision, from 1, is replaced; it and all behind it go.
        message: the decision in its place.
        model: who made it.
        side: what it is to be. No judge is told.
    """
    kept: list[Step] = []
    decisions = 0
    for step in turn.steps:
        decisions += isinstance(step, Decision)
        if decisions >= number:
            break
        kept.append(step)
    made = Decision(
        text=message.content,
        calls=tuple(
            ToolCall(id=f"proposed_{call['id']}", **call["function"])
            for call in message.tool_calls or ()
        ),
        stop_reason="toolUse" if message.tool_calls else "stop",
    )
    return turn.model_copy(
        update={
            "id": generation_id(turn.id, number, model, message, side),
            "steps": (*kept, made),
            "answer": "" if made.calls else made.text,
            "silent": False,
            "stop_reason": made.stop_reason,
            "reaction": None,
            "continues": None,
            "proposed": True,
        }
    )
