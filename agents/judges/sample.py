"""A short turn that any judge can score, for trying one out."""

from __future__ import annotations

from schemas.turn import Decision, Place, ToolCall, ToolResult, Turn, turn_id

_ASKED_MS = 1_772_000_000_000
_REQUEST = "how much space is left on the disk?"


def sample_turn() -> Turn:
    """Return a turn in which one call is made and its result is told rightly."""
    call = ToolCall(id="call_1", name="exec", arguments={"command": "df -h /"})
    answer = "There are 48 GB free of 100 GB."
    return Turn(
        id=turn_id(_ASKED_MS, _REQUEST, ("call_1",)),
        agent="sample",
        session="sample",
        request=_REQUEST,
        request_raw=_REQUEST,
        steps=(
            Decision(calls=(call,), stop_reason="toolUse", ended_ms=_ASKED_MS + 500),
            ToolResult(
                call_id="call_1",
                name="exec",
                text="Filesystem Size Used Avail Use% Mounted on\n/dev/sda1 100G 52G 48G 52% /",
                exit_code=0,
                at_ms=_ASKED_MS + 600,
            ),
            Decision(text=answer, stop_reason="stop", ended_ms=_ASKED_MS + 1_200),
        ),
        answer=answer,
        stop_reason="stop",
        started_ms=_ASKED_MS,
        ended_ms=_ASKED_MS + 1_200,
        place=Place(file="sample", first_offset=0, last_offset=0),
        closed_by="quiet",
    )
