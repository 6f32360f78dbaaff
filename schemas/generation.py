"""The `generations` topic: a decision that a model was asked for in place of a turn's own."""

from __future__ import annotations

from typing import Literal

from schemas.identity import digest
from schemas.pair import ChatMessage
from schemas.record import Record
from schemas.verdict import Opinion

GeneratedSide = Literal["chosen", "rejected"]
"""Whether the decision is to be chosen over a bad turn's, or to be rejected for a good turn's."""


class Generation(Record):
    """What a model decided at a point of a turn, and what the panel says of it.

    `turn_id` is the turn and `decision` the number (from 1) of the assistant's message that
    `message` would stand in place of, on the `side` that was sought (records from before there were
    two are of chosen ones). Its calls were never run: it was judged as a proposal.
    `panel` is the label of the panel that judged; `overall` its median, None where there is none,
    and then `reason` says why. `opinions` are the judges'.
    """

    id: str
    turn_id: str
    side: GeneratedSide = "chosen"
    decision: int
    model: str
    message: ChatMessage | None
    panel: str
    overall: float | None = None
    reason: str = ""
    opinions: tuple[Opinion, ...] = ()


def generation_id(
    turn_id: str,
    decision: int,
    model: str,
    message: ChatMessage | None,
    side: GeneratedSide = "chosen",
) -> str:
    """Return the id of a model's decision: the same words for the same side are the same."""
    said = None if message is None else message.model_dump()
    sought = () if side == "chosen" else (side,)
    return digest("generation", turn_id, decision, model, said, *sought)
