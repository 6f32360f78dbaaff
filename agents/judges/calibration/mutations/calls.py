"""The right work with the wrong tool, and the same call over and over."""

from __future__ import annotations

import random
from typing import Final

from agents.judges.calibration.mutations.base import Change, Exchange, Material, Mutation
from agents.judges.calibration.mutations.edit import answered, names, rewrite, with_steps
from schemas.turn import Decision, Step, ToolCall, ToolResult, Turn

LOOP: Final = (8, 12)
"""How often, at least and at most, a call is repeated: enough that no reading calls it care."""


def wrong_tool(turn: Turn, dice: random.Random, material: Material) -> Change | None:
    """Give every call to another known tool, which answers as it has answered somewhere else.

    The answer stays: it now rests on nothing that any tool said.
    """
    used = {call.name for call in turn.calls}
    others = {
        name: exchanges
        for name in material.tools
        if name not in used and (exchanges := material.exchanges(name, turn))
    }
    if not used or not others:
        return None
    plan: dict[str, tuple[str, Exchange]] = {}
    for call in turn.calls:
        name = dice.choice(list(others))
        plan[call.id] = (name, dice.choice(others[name]))

    def call_other(call: ToolCall) -> ToolCall:
        return call.model_copy(update={"name": plan[call.id][0]})

    def answer_as_other(result: ToolResult) -> ToolResult:
        if result.call_id not in plan:
            return result
        name, exchange = plan[result.call_id]
        clean = {"name": name, "is_error": False, "exit_code": None, "status": ""}
        return answered(result, exchange.text).model_copy(update=clean)

    instead = names([name for name, _ in plan.values()])
    return Change(
        rewrite(turn, call_other, answer_as_other),
        f"called {instead} instead of {names([call.name for call in turn.calls])}",
    )


def repeated_calls(turn: Turn, dice: random.Random, material: Material) -> Change | None:  # noqa: ARG001
    """Make the first round of calls again and again, with the same results."""
    steps = turn.steps
    start = next((at for at, s in enumerate(steps) if isinstance(s, Decision) and s.calls), None)
    if start is None:
        return None
    end = start + 1
    while end < len(steps) and isinstance(steps[end], ToolResult):
        end += 1
    times = dice.randint(*LOOP)
    loop = [
        copy for number in range(times) for copy in (_again(s, number) for s in steps[start:end])
    ]
    what = names([call.name for step in steps[start:end] for call in _calls(step)])
    return Change(
        with_steps(turn, [*steps[:start], *loop, *steps[end:]]),
        f"called {what} {times} times with the same arguments and the same results",
    )


def _calls(step: Step) -> tuple[ToolCall, ...]:
    return step.calls if isinstance(step, Decision) else ()


def _again(step: Step, number: int) -> Step:
    if isinstance(step, ToolResult):
        return step.model_copy(update={"call_id": f"{step.call_id}_{number}"})
    calls = tuple(c.model_copy(update={"id": f"{c.id}_{number}"}) for c in step.calls)
    return step.model_copy(update={"calls": calls})


WRONG_TOOL = Mutation(
    "wrong_tool",
    "Used tools that cannot do what was asked, and answered as if they had.",
    "FC-RewardBench 2509.11963: incorrect function name, 403 of its 1,500 errors",
    wrong_tool,
)
REPEATED_CALLS = Mutation(
    "repeated_calls",
    "Made the same call with the same result over and over.",
    "FC-RewardBench 2509.11963: incorrect number of function calls, 245 of its 1,500 errors",
    repeated_calls,
    # The task gets done in the end: wasteful is not worthless.
    ceiling=5,
)
