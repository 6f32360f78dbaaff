"""The `pairs` topic: two ways to answer the same request, one better than the other."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer

from schemas.identity import digest
from schemas.record import Part, Record


class ChatMessage(Part):
    """A message as chat templates know it (OpenAI's chat format, `arguments` as an object).

    A field that is None is left out in JSON: a null would show up in a rendered training text.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    tool_calls: tuple[dict[str, Any], ...] | None = None
    tool_call_id: str | None = None
    name: str | None = None

    @model_serializer(mode="wrap")
    def _without_nulls(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in dump(self).items() if value is not None}


class Side(Part):
    """One answer of a pair: the assistant's messages, the turn they come from and its score."""

    turn_id: str
    messages: tuple[ChatMessage, ...]
    overall: float


class PreferencePair(Record):
    """A chosen and a rejected answer under one prompt.

    `strategy` names the rule that put them together and `evidence` says what it went by;
    `margin` is the difference of the two overall scores.
    """

    id: str
    strategy: str
    evidence: str = ""
    panel: str
    prompt: tuple[ChatMessage, ...]
    chosen: Side
    rejected: Side
    margin: float


def pair_id(chosen_turn: str, rejected_turn: str, strategy: str) -> str:
    """Return a pair's id from its two sides."""
    return digest("pair", chosen_turn, rejected_turn, strategy)
