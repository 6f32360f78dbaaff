"""Turns with some of their steps rewritten. Everything returned is new; nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from schemas.turn import Decision, Step, ToolCall, ToolResult, Turn


def with_steps(turn: Turn, steps: Sequence[Step], **fields: Any) -> Turn:
    """Return the turn with other steps, and with other fields where they are named."""
    return turn.model_copy(update={"steps": tuple(steps), **fields})


def rewrite(
    turn: Turn,
    call: Callable[[ToolCall], ToolCall],
    result: Callable[[ToolResult], ToolResult],
) -> Turn:
    """Return the turn with every call and every result passed through a function."""
    steps: list[Step] = []
    for step in turn.steps:
        if isinstance(step, ToolResult):
            steps.append(result(step))
        elif step.calls:
            calls = tuple(call(one) for one in step.calls)
            steps.append(step.model_copy(update={"calls": calls}))
        else:
            steps.append(step)
    return with_steps(turn, steps)


def with_answer(turn: Turn, answer: str, *, keep_thinking: bool = False) -> Turn:
    """Return the turn with another answer, in its last decision too.

    What the assistant thought before it wrote the old answer goes, since it would give the old
    answer away, unless `keep_thinking`.
    """
    steps = list(turn.steps)
    last = steps[-1] if steps else None
    if isinstance(last, Decision) and not last.calls:
        thinking = last.thinking if keep_thinking else ""
        steps[-1] = last.model_copy(update={"text": answer, "thinking": thinking})
    else:
        steps.append(Decision(text=answer, stop_reason="stop"))
    return with_steps(turn, steps, answer=answer)


def failed(result: ToolResult, text: str) -> ToolResult:
    """Return a result as a tool that could not do its work would have given it."""
    code = 1 if result.exit_code is not None else None
    changes = {"text": text, "images": 0, "omitted_chars": 0, "is_error": True, "exit_code": code}
    return result.model_copy(update=changes)


def answered(result: ToolResult, text: str) -> ToolResult:
    """Return a result with another text and no images."""
    return result.model_copy(update={"text": text, "images": 0, "omitted_chars": 0})


def names(items: Sequence[str]) -> str:
    """Return names for a person: each once, in the order they come."""
    return ", ".join(dict.fromkeys(items))
