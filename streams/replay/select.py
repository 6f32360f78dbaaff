"""Which turns a replay is about."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any, Final

from streams.replay.where import Test, WhereError, parse

TURN_FIELDS: Final[Mapping[str, type]] = {
    "agent": str,
    "session": str,
    "trigger": str,
    "request": str,
    "answer": str,
    "sender": str,
    "channel": str,
    "provider": str,
    "model": str,
    "stop_reason": str,
    "closed_by": str,
    "reaction": str,
    "tools": list,
    "calls": float,
    "failed": float,
    "steps": float,
    "images": float,
    "tokens_out": float,
    "seconds": float,
    "silent": bool,
    "copied": bool,
}
"""What ``--where`` may ask of a turn. `calls`, `failed` (results that are errors) and `steps` are
counts, `seconds` is how long it took, `reaction` what the user said next, `tools` the names of the
tools that were called."""

VERDICT_FIELDS: Final[Mapping[str, type]] = {
    "verdict.status": str,
    "verdict.spread": float,
    "verdict.overall": float,
    "verdict.tool_correctness": float,
    "verdict.task_completion": float,
    "verdict.instruction_adherence": float,
    "verdict.efficiency": float,
}
"""What it may ask of the verdict that now stands in the turn files."""

_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*(m|h|d|w)")
_UNIT_MS: Final = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


@dataclass(frozen=True, slots=True)
class Selection:
    """The turns with these properties; one with none of them set selects all.

    `since_ms` and `until_ms` are about the start of a turn (epoch milliseconds, the end excluded);
    `sessions` are ids or beginnings of ids. `where` is the expression as it was written.
    """

    since_ms: int | None = None
    until_ms: int | None = None
    sessions: tuple[str, ...] = ()
    where: str = ""
    test: Test | None = field(default=None, compare=False)
    asks: frozenset[str] = frozenset()

    @property
    def needs_turns(self) -> bool:
        """Whether turns have to be read; their keys are enough to select all."""
        return self != Selection()

    @property
    def needs_verdicts(self) -> bool:
        """Whether verdicts have to be read, too."""
        return any(name in VERDICT_FIELDS for name in self.asks)

    def takes(self, turn: Mapping[str, Any], verdict: Mapping[str, Any] | None) -> bool:
        """Say whether a turn is selected.

        Args:
            turn: its record as JSON.
            verdict: `status`, `spread` and `scores` of the verdict on it, if there is one.
        """
        started = turn["started_ms"]
        if self.since_ms is not None and started < self.since_ms:
            return False
        if self.until_ms is not None and started >= self.until_ms:
            return False
        if self.sessions and not turn["session"].startswith(self.sessions):
            return False
        return self.test is None or self.test(facts(turn, verdict))

    def to_json(self) -> dict[str, Any]:
        """Return what `selection` makes the same selection of."""
        return {
            "since_ms": self.since_ms,
            "until_ms": self.until_ms,
            "sessions": list(self.sessions),
            "where": self.where,
        }


def selection(
    since_ms: int | None, until_ms: int | None, sessions: Sequence[str], where: str
) -> Selection:
    """Return a selection.

    Raises:
        WhereError: the expression can't be read.
    """
    test, asks = (None, frozenset[str]())
    if where.strip():
        test, asks = parse(where, {**TURN_FIELDS, **VERDICT_FIELDS})
    return Selection(since_ms, until_ms, tuple(sessions), where.strip(), test, asks)


def facts(turn: Mapping[str, Any], verdict: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what ``--where`` may ask, by field; None where it is not known."""
    steps = turn.get("steps") or []
    calls = [call for step in steps for call in step.get("calls") or ()]
    reaction = turn.get("reaction") or {}
    scores = (verdict or {}).get("scores") or {}
    known: dict[str, Any] = {
        name: turn.get(name) for name, kind in TURN_FIELDS.items() if kind is not list
    }
    known |= {
        "reaction": reaction.get("text"),
        "tools": sorted({call["name"] for call in calls}),
        "calls": len(calls),
        "failed": sum(1 for step in steps if step.get("is_error")),
        "steps": len(steps),
        "tokens_out": (turn.get("usage") or {}).get("output", 0),
        "seconds": (turn["ended_ms"] - turn["started_ms"]) / 1000,
        "verdict.status": (verdict or {}).get("status"),
        "verdict.spread": (verdict or {}).get("spread"),
    }
    for name in VERDICT_FIELDS:
        known.setdefault(name, scores.get(name.removeprefix("verdict.")))
    return known


def moment(text: str, zone: tzinfo | None, now_ms: int) -> int:
    """Return a point in time as epoch milliseconds.

    Args:
        text: a date, a date with a time (ISO 8601), or how long ago: ``30m``, ``12h``, ``7d``.
        zone: of a time that names none; None for this machine's.
        now_ms: the present.

    Raises:
        WhereError: it is none of these.
    """
    ago = _AGO.fullmatch(text.strip())
    if ago is not None:
        return now_ms - int(float(ago[1]) * _UNIT_MS[ago[2]])
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise WhereError(
            f"{text!r} is no time; write 2026-03-01, 2026-03-01T18:00 or 7d (ago)"
        ) from None
    if at.tzinfo is None:
        at = at.replace(tzinfo=zone) if zone is not None else at.astimezone()
    return int(at.timestamp() * 1000)
