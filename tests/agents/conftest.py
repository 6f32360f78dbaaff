"""Turns for the tests of the deciding rooms, with as little said as a test needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from schemas.reaction import Reaction, reaction_id
from schemas.turn import Decision, Place, ToolCall, ToolResult, Turn, Usage, turn_id

Call = dict[str, Any]
MakeTurn = Callable[..., Turn]
ASKED_MS = 1_795_373_629_000


def build(
    request: str = "please list the files in the work folder",
    calls: Sequence[Call] = ({"name": "exec", "arguments": {"command": "ls"}, "text": "a.txt"},),
    answer: str = "There is one file, a.txt.",
    reaction: str | None = None,
    reaction_after_ms: int = 20_000,
    session: str = "s-1",
    asked_ms: int = ASKED_MS,
    tokens: int = 40,
    stop_reason: str = "stop",
    **fields: Any,
) -> Turn:
    """Return a turn with one decision for each call and a last one for the answer.

    A call is `name`, `arguments`, and of its result `text`, `is_error`, `exit_code`, `status`,
    `synthetic`; `unanswered` leaves the result out, `orphan` leaves the call out.
    """
    steps: list[Decision | ToolResult] = []
    at_ms = asked_ms + 100
    for number, call in enumerate(calls):
        call_id = f"call_{asked_ms}_{number}"
        made = ToolCall(id=call_id, name=call["name"], arguments=call.get("arguments", {}))
        orphan = bool(call.get("orphan"))
        steps.append(
            Decision(
                calls=() if orphan else (made,),
                stop_reason="toolUse",
                usage=Usage(input=1000, output=tokens),
                started_ms=at_ms,
                ended_ms=at_ms + 400,
            )
        )
        at_ms += 500
        if not call.get("unanswered"):
            keys = ("text", "is_error", "exit_code", "status", "synthetic", "images")
            steps.append(
                ToolResult(
                    call_id=call_id,
                    name=call["name"],
                    orphan=orphan,
                    at_ms=at_ms,
                    **{key: call[key] for key in keys if key in call},
                )
            )
    steps.append(
        Decision(
            text=answer, stop_reason=stop_reason, usage=Usage(output=tokens), ended_ms=at_ms + 400
        )
    )
    ended_ms = at_ms + 400
    ids = tuple(step.call_id for step in steps if isinstance(step, ToolResult))
    identity = turn_id(asked_ms, request, ids)
    if reaction is not None:
        said_ms = ended_ms + reaction_after_ms
        fields["reaction"] = Reaction(
            id=reaction_id(identity, said_ms, reaction),
            turn_id=identity,
            text=reaction,
            at_ms=said_ms,
        )
    given: dict[str, Any] = {
        "id": identity,
        "agent": "main",
        "session": session,
        "request": request,
        "request_raw": request,
        "steps": tuple(steps),
        "answer": answer,
        "provider": "anthropic",
        "model": "claude-opus",
        "stop_reason": stop_reason,
        "usage": Usage(input=1000 * (len(calls) + 1), output=tokens * (len(calls) + 1), cost=0.01),
        "started_ms": asked_ms,
        "ended_ms": ended_ms,
        "place": Place(file="agents/main/sessions/s-1.jsonl", first_offset=0, last_offset=900),
        "closed_by": "user" if reaction is not None else "quiet",
    }
    return Turn(**{**given, **fields})


@pytest.fixture(scope="session")
def make_turn() -> MakeTurn:
    """Return the builder of turns."""
    return build
