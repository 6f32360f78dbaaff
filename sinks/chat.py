"""A turn as chat messages: what a model was given, and what it decided step by step."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from schemas.pair import ChatMessage
from schemas.turn import Decision, ToolCall, ToolResult, Turn

NO_MODEL = "openclaw"
"""The provider of messages that OpenClaw wrote itself (copies of delivered text, command
replies)."""


@dataclass(eq=False)
class Said:
    """A message of a turn.

    `content` is equal for messages that say the same. `decision` is set for the assistant's,
    `result` for a tool's.
    `whole` is False where the log does not hold all of it: a cut or pictured result, a decision
    whose call was stripped, one that is empty or that no model made. Such a message equals nothing,
    and is no answer to learn from. (Not frozen, as a snapshot makes millions of them.)
    """

    message: ChatMessage
    decision: Decision | None
    whole: bool
    result: ToolResult | None = None

    @cached_property
    def content(self) -> str:
        """The message as text, to compare it by."""
        # JSON tells 1 from true and from 1.0, where Python's == does not.
        return json.dumps(self.message.model_dump(), sort_keys=True)


def prompt_of(turn: Turn) -> tuple[ChatMessage, ...]:
    """Return what stood before the turn's first decision: its context and the request.

    The summary of a compacted conversation is given as OpenClaw gives it, as a user's message.
    """
    context = (
        ChatMessage(
            role="user" if message.role == "summary" else message.role, content=message.text
        )
        for message in turn.context
    )
    return (*context, ChatMessage(role="user", content=turn.request))


def messages_of(turn: Turn) -> list[Said]:
    """Return the turn's decisions and results as messages.

    Call ids are random; here they count from `call_1`, so that equal conversations are equal.
    Results stand in the order of their calls, because parallel calls end in any order.
    """
    said: list[Said] = []
    results: list[tuple[int, Said]] = []
    numbers: dict[str, int] = {}
    count = 0
    for step in turn.steps:
        if isinstance(step, Decision):
            said += _in_order(results)
            results = []
            for call in step.calls:
                count += 1
                numbers[call.id] = count
            said.append(_decided(step, numbers))
        elif step.orphan or step.call_id not in numbers:
            # The call was stripped from the log: the decision before is not what the model wrote.
            _spoil_last_decision(said)
        else:
            number = numbers[step.call_id]
            results.append((number, _answered(step, number)))
    return said + _in_order(results)


def renumbered(message: ChatMessage, start: int) -> ChatMessage:
    """Return an assistant's message with its call ids counted from `call_<start>`."""
    if not message.tool_calls:
        return message
    calls = tuple(
        call | {"id": f"call_{number}"} for number, call in enumerate(message.tool_calls, start)
    )
    return ChatMessage(role=message.role, content=message.content, tool_calls=calls)


def _decided(decision: Decision, numbers: dict[str, int]) -> Said:
    calls = tuple(_call(call, numbers[call.id]) for call in decision.calls)
    message = ChatMessage(role="assistant", content=decision.text, tool_calls=calls or None)
    whole = bool(calls or decision.text.strip()) and decision.provider != NO_MODEL
    return Said(message, decision, whole)


def _answered(result: ToolResult, number: int) -> Said:
    message = ChatMessage(
        role="tool", content=result.text, tool_call_id=f"call_{number}", name=result.name
    )
    whole = not (result.images or result.omitted_chars)
    return Said(message, None, whole, result)


def _call(call: ToolCall, number: int) -> dict[str, Any]:
    return {
        "id": f"call_{number}",
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


def _in_order(results: list[tuple[int, Said]]) -> list[Said]:
    return [said for _, said in sorted(results, key=lambda result: result[0])]


def _spoil_last_decision(said: list[Said]) -> None:
    for index in range(len(said) - 1, -1, -1):
        old = said[index]
        if old.decision is not None:
            said[index] = Said(old.message, old.decision, whole=False)
            return
