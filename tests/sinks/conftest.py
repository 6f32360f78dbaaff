"""Turns and verdicts as the line makes them, and a table that crashes can be played on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from schemas.judgement import Scores
from schemas.turn import Decision, Place, ToolCall, ToolResult, Turn
from schemas.verdict import Medians, Opinion, Verdict, verdict_id

START_MS = 1_772_000_000_000


def _make_turn(number: int = 1, **changes: Any) -> Turn:
    fields: dict[str, Any] = {
        "id": f"{number:032x}",
        "agent": "main",
        "session": f"s{number}",
        "request": f"please do thing number {number}",
        "request_raw": f"please do thing number {number}",
        "steps": _make_steps(("exec", {"command": f"ls {number}"}, "a file")),
        "answer": "done",
        "started_ms": START_MS + number * 1000,
        "ended_ms": START_MS + number * 1000 + 500,
        "place": Place(file=f"agents/main/sessions/s{number}.jsonl", first_offset=0, last_offset=9),
        "closed_by": "quiet",
    }
    return Turn(**(fields | changes))


def _make_steps(
    *calls: tuple[str, dict[str, Any], str], answer: str = "done", prefix: str = "toolu_"
) -> tuple[Decision | ToolResult, ...]:
    steps: list[Decision | ToolResult] = []
    for number, (name, arguments, result) in enumerate(calls):
        call = ToolCall(id=f"{prefix}{number}", name=name, arguments=arguments)
        steps.append(Decision(calls=(call,), stop_reason="toolUse"))
        steps.append(ToolResult(call_id=call.id, name=name, text=result))
    return (*steps, Decision(text=answer, stop_reason="stop"))


def _make_verdict(
    number: int = 1, overall: float = 8, *, panel: str = "default", **changes: Any
) -> Verdict:
    turn_id = f"{number:032x}"
    score = round(overall)
    scores = Scores(
        tool_correctness=score,
        task_completion=score,
        instruction_adherence=score,
        efficiency=score,
        overall=score,
    )
    opinion = Opinion(
        judge="a", kind="signals", model="m", rubric="v1", status="scored", scores=scores
    )
    fields: dict[str, Any] = {
        "id": verdict_id(turn_id, panel),
        "turn_id": turn_id,
        "panel": panel,
        "status": "scored",
        "scores": Medians(**(scores.model_dump() | {"overall": overall})),
        "spread": 0.0,
        "opinions": (opinion,),
    }
    return Verdict(**(fields | changes))


@pytest.fixture(scope="session")
def make_turn() -> Callable[..., Turn]:
    return _make_turn


@pytest.fixture(scope="session")
def make_steps() -> Callable[..., tuple[Decision | ToolResult, ...]]:
    return _make_steps


@pytest.fixture(scope="session")
def make_verdict() -> Callable[..., Verdict]:
    return _make_verdict
