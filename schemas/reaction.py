"""The `reactions` topic: what the user said after a turn."""

from __future__ import annotations

from schemas.identity import digest
from schemas.record import Record


class Reaction(Record):
    """The user's next own words on a turn's branch. `at_ms` is epoch milliseconds."""

    id: str
    turn_id: str
    text: str
    at_ms: int | None = None


def reaction_id(turn_id: str, at_ms: int | None, text: str) -> str:
    """Return a reaction's id: one turn can have several where the tree branches after it."""
    return digest("reaction", turn_id, at_ms, text)
