"""Turns and what follows from them, for tests of what stands behind extraction."""

from __future__ import annotations

from schemas.judgement import Judgement, Scores, judgement_id
from schemas.turn import Decision, Place, ToolCall, ToolResult, Turn, turn_id


def make_turn(
    number: int = 0,
    *,
    calls: int = 1,
    failed: int = 0,
    session: str = "s-1",
    started_ms: int | None = None,
    request: str = "",
) -> Turn:
    """Return a turn that differs from that of any other `number`."""
    at_ms = 1_772_000_000_000 + 60_000 * number if started_ms is None else started_ms
    words = request or f"please do thing {number}"
    steps: list[Decision | ToolResult] = []
    for index in range(calls):
        call_id = f"call-{number}-{index}"
        steps.append(Decision(calls=(ToolCall(id=call_id, name="exec", arguments={"n": index}),)))
        steps.append(ToolResult(call_id=call_id, name="exec", text="done", is_error=index < failed))
    return Turn(
        id=turn_id(at_ms, words, tuple(f"call-{number}-{index}" for index in range(calls))),
        agent="main",
        session=session,
        request=words,
        request_raw=words,
        steps=(*steps, Decision(text="Done.")),
        answer="Done.",
        started_ms=at_ms,
        ended_ms=at_ms + 2_000,
        place=Place(file="agents/main/sessions/s-1.jsonl", first_offset=0, last_offset=9),
        closed_by="quiet",
    )


def make_judgement(
    turn: str, judge: str, overall: int | None, *, model: str = "m", rubric: str = "v1"
) -> Judgement:
    """Return a judge's word on a turn; without a score it abstains."""
    scores = None if overall is None else Scores(
        tool_correctness=overall, task_completion=overall, instruction_adherence=overall,
        efficiency=overall, overall=overall,
    )  # fmt: skip
    return Judgement(
        id=judgement_id(turn, judge, model, rubric),
        turn_id=turn,
        judge=judge,
        kind="llm",
        model=model,
        rubric=rubric,
        status="abstained" if scores is None else "scored",
        scores=scores,
        latency_ms=2_000.0,
        tokens_in=100,
        tokens_out=10,
    )
