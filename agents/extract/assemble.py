"""From the nodes of a closed turn to the Turn that is published."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from agents.extract.nodes import Node
from agents.extract.steps import request
from schemas.reaction import Reaction
from schemas.turn import ClosedBy, Turn, turn_id

_SILENT: Final = re.compile(r"\s*NO_REPLY\s*")
"""What an assistant writes that chose to say nothing; OpenClaw stores it and sends nothing."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A closed turn's nodes: what was asked, and the steps that followed, in their order."""

    user: Node
    steps: Sequence[Node]
    first: str | None
    after_user: bool

    @property
    def id(self) -> str:
        """The turn's id."""
        calls = [c["id"] for node in self.steps for c in node["s"].get("calls", ())]
        return turn_id(self.user["at"], self.user["raw"], tuple(calls))


def turn_of(
    segment: Segment,
    session: str,
    closed_by: ClosedBy,
    context: tuple[dict[str, str], ...],
    copied: bool,
    reaction: Reaction | None,
) -> Turn:
    """Return the turn of a segment."""
    user = segment.user
    steps = [dict(node["s"]) for node in segment.steps]
    unanswered(steps)
    decisions = [step for step in steps if step["role"] == "assistant"]
    written = [decision for decision in decisions if decision["model"]] or decisions
    last = decisions[-1] if decisions else {}
    answer, silent = _answer(steps)
    ends = [node["ms"] for node in segment.steps if node.get("ms") is not None]
    started = user["at"] if segment.after_user else _began(segment.steps[0])
    if started is None:
        started = ends[0] if ends else 0
    first = user if segment.after_user else segment.steps[0]
    return Turn.model_validate(
        {
            "id": segment.id,
            "agent": user["g"],
            "session": session,
            "trigger": user.get("tr", "user"),
            "request": request(user),
            "request_raw": user["raw"],
            "sender": user.get("se", ""),
            "channel": user.get("ch", ""),
            "images": user.get("im", 0),
            "context": context,
            "steps": steps,
            "answer": answer,
            "silent": silent,
            "provider": written[-1]["provider"] if written else "",
            "model": written[-1]["model"] if written else "",
            "stop_reason": last.get("stop_reason", ""),
            "usage": _usage(decisions),
            "started_ms": started,
            "ended_ms": ends[-1] if ends else started,
            "place": {
                "file": user["f"],
                "first_offset": first["o"],
                "last_offset": segment.steps[-1]["o"],
            },
            "closed_by": closed_by,
            "continues": segment.first,
            "copied": copied,
            "reaction": reaction,
        }
    )


def unanswered(steps: Sequence[dict[str, Any]]) -> list[str]:
    """Mark results without a call as orphans; return the ids of calls without a result.

    Call ids come again (some servers count `call_1_0` from the start in every answer), so a
    result belongs to the nearest call before it that has none yet.
    """
    waiting: list[str] = []
    for step in steps:
        if step["role"] == "assistant":
            waiting.extend(call["id"] for call in step["calls"])
        elif step["call_id"] in waiting:
            at = len(waiting) - 1 - waiting[::-1].index(step["call_id"])
            del waiting[at]
        else:
            step["orphan"] = True
    return waiting


def _answer(steps: Sequence[dict[str, Any]]) -> tuple[str, bool]:
    """Return the last words after the last call, and whether the assistant chose to be silent."""
    silent = False
    for step in reversed(steps):
        if step["role"] != "assistant":
            continue
        if step["calls"]:
            break
        if _SILENT.fullmatch(step["text"]):
            silent = True
        elif step["text"]:
            return step["text"], False
    return "", silent


def _usage(decisions: Sequence[dict[str, Any]]) -> dict[str, Any]:
    names = ("input", "output", "cache_read", "cache_write", "cost")
    return {name: sum(decision["usage"][name] for decision in decisions) for name in names}


def _began(node: Node) -> int | None:
    step = node["s"]
    ms = step["started_ms"] if step["role"] == "assistant" else step["at_ms"]
    return ms if ms is not None else node.get("ms")
