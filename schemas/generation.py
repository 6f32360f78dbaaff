"""The `generations` topic: a decision that a model was asked for in place of a bad one."""

from __future__ import annotations

from schemas.identity import digest
from schemas.pair import ChatMessage
from schemas.record import Record
from schemas.verdict import Opinion


class Generation(Record):
    """What a model decided at the point where a turn went wrong, and what the panel says of it.

    `turn_id` is the turn and `decision` the number (from 1) of the assistant's message that
    `message` would stand in place of. Its calls were never run: it was judged as a proposal.
    `panel` is the label of the panel that judged; `overall` its median, None where there is none,
    and then `reason` says why. `opinions` are the judges'.
    """

    id: str
    turn_id: str
    decision: int
    model: str
    message: ChatMessage | None
    panel: str
    overall: float | None = None
    reason: str = ""
    opinions: tuple[Opinion, ...] = ()


def generation_id(turn_id: str, decision: int, model: str, message: ChatMessage | None) -> str:
    """Return the id of a model's decision: the same words are the same generation."""
    said = None if message is None else message.model_dump()
    return digest("generation", turn_id, decision, model, said)
