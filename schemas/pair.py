"""The `pairs` topic: two decisions under the same prompt, one better than the other."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer

from schemas.identity import digest
from schemas.record import Part, Record

Strategy = Literal["branch", "retry", "same_request", "regenerate", "neighbour", "unpaired"]
"""How an example was found, the best first.

`branch`: the same prompt word for word in the same session, answered twice; or a failed call and
the one that set it right. `retry`: the user asked again or corrected, and a later turn did well.
`same_request`: the same words at another time. `regenerate`: beside a decision that went wrong, or
a good one, what a model asked anew would have decided, scored by the panel. `neighbour`: nearly
the same words. `unpaired`: a decision without a partner, with a label.
"""

WEIGHTS: Final[dict[Strategy, float]] = {
    "branch": 1.0,
    "retry": 0.8,
    "same_request": 0.6,
    "regenerate": 0.5,
    "neighbour": 0.3,
    "unpaired": 1.0,
}
"""How far an example is to be trusted beside others: the less its two prompts are one prompt, the
less. Trainers that know no weights may leave them aside."""


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
    """One answer of a pair: an assistant's message, and the turn and session it comes from.

    `decision` counts the assistant's messages of that turn, from 1. `overall` is the panel's score
    of the turn; None where the decision is known to be other than its turn (a failed call in a
    turn that ended well).
    """

    turn_id: str
    session: str = ""
    decision: int = 1
    messages: tuple[ChatMessage, ...]
    overall: float | None


class PreferencePair(Record):
    """A chosen and a rejected decision under one prompt.

    `strategy` names the rule that put them together and `evidence` says what it went by; `margin`
    is the difference of the two overall scores, None where one of them has none. `started_ms` is
    when the turn that the prompt comes from began (epoch milliseconds). `reviewed` is what a
    person has said of it, empty where nobody has.
    """

    id: str
    strategy: Strategy
    evidence: str = ""
    panel: str
    started_ms: int = 0
    prompt: tuple[ChatMessage, ...]
    chosen: Side
    rejected: Side
    margin: float | None
    weight: float = 1.0
    reviewed: Literal["", "accept", "swap"] = ""


def pair_id(chosen_turn: str, rejected_turn: str, strategy: str) -> str:
    """Return a pair's id from its two sides."""
    return digest("pair", chosen_turn, rejected_turn, strategy)
