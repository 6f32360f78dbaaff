"""The `reviews` topic: what a person said of a pair."""

from __future__ import annotations

from typing import Literal

from schemas.identity import digest
from schemas.pair import PreferencePair
from schemas.record import Record

Word = Literal["accept", "reject", "swap"]
"""`accept`: the pair stays, whatever the judges say later. `reject`: it goes. `swap`: the rejected
side is the better one."""


class Review(Record):
    """A person's word on a pair; it wins over the judges.

    `pair` is the pair as it was looked at: what was accepted is what is trained on. `at_ms` is
    when it was said (epoch milliseconds); of several words on one pair the last counts.
    """

    id: str
    pair: PreferencePair
    word: Word
    at_ms: int


def review_id(pair: str, word: str, at_ms: int) -> str:
    """Return a review's id."""
    return digest("review", pair, word, at_ms)
