"""Why something was not extracted, for `clawback extract --explain`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why what stands at `offset` (bytes) of `file` is no turn, or not part of one."""

    file: str
    offset: int
    entry_id: str
    reason: str


Explain = Callable[[Explanation], None]
"""Takes explanations as they arise."""

NO_CALL = "no tool call in this turn"
NO_ANSWER = "no answer to this message"
NO_USER = "orphan assistant message: its user message is not in the file"
LATE = "came after its turn was closed, and has no tool call of its own"
SUPERSEDED = "OpenClaw wrote this turn again: the later version counts"
PUBLISHED = "the same turn was published already"
MIRROR = "delivery-mirror: a copy of delivered text; no model wrote it"
INJECTED = "injected by OpenClaw: no model wrote it"


def unknown(kind: object) -> str:
    """Say that an entry's type or a message's role is not known."""
    return f"unknown: {kind!r} is passed over"


def waiting(call_ids: list[str]) -> str:
    """Say what a turn waited for when it was closed all the same."""
    if not call_ids:
        return "closed as it stands: no answer came after the last tool result"
    return f"closed as it stands: waits for the tool result of call {', '.join(call_ids)}"


def still_open(call_ids: list[str]) -> str:
    """Say what keeps a turn open."""
    if not call_ids:
        return "open turn: waits for the next answer"
    return f"open turn: waits for the tool result of call {', '.join(call_ids)}"
