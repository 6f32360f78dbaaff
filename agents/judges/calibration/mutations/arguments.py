"""The right tool, asked for the wrong thing."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, Final

from agents.judges.calibration.mutations.base import Change, Material, Mutation
from agents.judges.calibration.mutations.edit import answered, failed, names, rewrite
from schemas.turn import ToolCall, ToolResult, Turn

VALUE, MISSING, TYPE = "wrong value", "missing argument", "wrong type"

KINDS: Final[Mapping[str, int]] = {VALUE: 650, MISSING: 78 + 45, TYPE: 43}
"""How often each kind of mistake is made: its count among the 1,500 of FC-RewardBench
(2509.11963), optional and required arguments that are missing together."""

Asked = tuple[dict[str, Any], Callable[[ToolResult], ToolResult]]
"""Arguments, and what the tool makes of them."""


def wrong_arguments(turn: Turn, dice: random.Random, material: Material) -> Change | None:
    """Change the arguments of every call that has any; the tool answers what it was asked.

    A wrong value is that of a call made for another request, with the result it got there;
    where there is none, the value is twisted and nothing is found. A missing argument or one of a
    wrong type gets the tool's refusal. The answer stays and rests on none of it.
    """
    calls = [call for call in turn.calls if call.arguments]
    if not calls:
        return None
    kind = dice.choices(list(KINDS), weights=list(KINDS.values()))[0]
    spoil = {VALUE: _value, MISSING: _missing, TYPE: _type}[kind]
    plan = {call.id: spoil(call, turn, dice, material) for call in calls}

    def ask(call: ToolCall) -> ToolCall:
        if call.id not in plan:
            return call
        return call.model_copy(update={"arguments": plan[call.id][0]})

    def answer(result: ToolResult) -> ToolResult:
        return plan[result.call_id][1](result) if result.call_id in plan else result

    return Change(rewrite(turn, ask, answer), f"{kind} in {names([call.name for call in calls])}")


def _value(call: ToolCall, turn: Turn, dice: random.Random, material: Material) -> Asked:
    donors = [
        e
        for e in material.exchanges(call.name, turn)
        if e.arguments and e.arguments != call.arguments
    ]
    if donors:
        donor = dice.choice(donors)
        return dict(donor.arguments), lambda result: answered(result, donor.text)
    arguments = dict(call.arguments)
    key = dice.choice(sorted(arguments))
    arguments[key] = twisted(arguments[key], dice)
    return arguments, lambda result: answered(result, "No results.")


def _missing(
    call: ToolCall,
    turn: Turn,  # noqa: ARG001
    dice: random.Random,
    material: Material,  # noqa: ARG001
) -> Asked:
    key = dice.choice(sorted(call.arguments))
    arguments = {name: value for name, value in call.arguments.items() if name != key}
    text = _refusal(call, key, f"must have required property '{key}'")
    return arguments, lambda result: failed(result, text)


def _type(
    call: ToolCall,
    turn: Turn,  # noqa: ARG001
    dice: random.Random,
    material: Material,  # noqa: ARG001
) -> Asked:
    key = dice.choice(sorted(call.arguments))
    value = call.arguments[key]
    arguments = {**call.arguments, key: None if isinstance(value, list) else [value]}
    text = _refusal(call, key, f"must be {_json_type(value)}")
    return arguments, lambda result: failed(result, text)


def twisted(value: Any, dice: random.Random) -> Any:
    """Return another value of the same JSON type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + dice.choice((-1, 1)) * dice.randint(7, 97)
    if isinstance(value, str):
        if any(char.isdigit() for char in value):
            shift = dice.randint(1, 9)
            return "".join(
                str((int(c) + shift) % 10) if c.isascii() and c.isdigit() else c for c in value
            )
        return f"{value[::-1]}-{dice.randint(100, 999)}"
    if isinstance(value, list | dict):
        return type(value)() if value else [dice.randint(100, 999)]
    return f"unset-{dice.randint(100, 999)}"


def _refusal(call: ToolCall, key: str, what: str) -> str:
    return f'Validation failed for tool "{call.name}":\n  - {key}: {what}'


def _json_type(value: Any) -> str:
    # bool is a kind of int in Python, so it comes first.
    for kind, name in ((bool, "boolean"), (int, "number"), (float, "number"), (str, "string")):
        if isinstance(value, kind):
            return name
    return "array" if isinstance(value, list) else "object"


WRONG_ARGUMENTS = Mutation(
    "wrong_arguments",
    "Asked the right tools for the wrong thing, and answered as if it had been the right one.",
    "FC-RewardBench 2509.11963: wrong value 650, missing argument 123, wrong type 43 of 1,500",
    wrong_arguments,
)
