"""The pairs as they stand: what the strategies make, and what a person has said of them.

In the table, under `pairs/`:
    pair/<started_ms, 15 digits>/<pair id>  the pair; a scan is in file order
    at/<pair id>                            where that is
    review/<pair id>                        the last word of a person on it
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from schemas.pair import PreferencePair
from schemas.review import Review
from schemas.table import Table
from schemas.topics import PAIRS
from sinks.output import Output

PAIR = "pairs/pair/"
_AT = "pairs/at/"
_REVIEW = "pairs/review/"


def replace_pairs(
    made: Sequence[str], pairs: Sequence[PreferencePair], table: Table
) -> list[Output]:
    """Put pairs in place of those made before from the same turns, and return what changes.

    A pair that a person has spoken about stays as they want it.

    Args:
        made: the ids of those made before.
        pairs: what is made of these turns now.
        table: the sink's.
    """
    outputs: list[Output] = []
    now = {pair.id for pair in pairs}
    for pair_id in made:
        if pair_id not in now and not _reviewed(pair_id, table):
            outputs += _drop(pair_id, table)
    for pair in pairs:
        if not _reviewed(pair.id, table):
            outputs += _put(pair, table)
    return outputs


def take_review(review: Review, table: Table) -> list[Output]:
    """Take in a person's word on a pair and return what changes."""
    key = _REVIEW + review.pair.id
    rank = [review.at_ms, review.id]
    stored = table.get(key)
    if stored is not None and orjson.loads(stored) >= rank:
        return []
    table.put(key, orjson.dumps(rank))
    pair = settled(review)
    return _drop(review.pair.id, table) if pair is None else _put(pair, table)


def settled(review: Review) -> PreferencePair | None:
    """Return what a person's word makes of a pair, or None if it is to go."""
    pair = review.pair
    if review.word == "reject":
        return None
    if review.word == "accept":
        return pair.model_copy(update={"reviewed": "accept"})
    margin = None if pair.margin is None else -pair.margin
    return pair.model_copy(
        update={
            "chosen": pair.rejected,
            "rejected": pair.chosen,
            "margin": margin,
            "reviewed": "swap",
        }
    )


def _put(pair: PreferencePair, table: Table) -> list[Output]:
    key, value = f"{PAIR}{pair.started_ms:015d}/{pair.id}", pair.to_bytes()
    at = table.get(_AT + pair.id)
    if at is not None and at != key.encode():
        table.delete(at.decode())
    elif at is not None and table.get(key) == value:
        return []
    table.put(_AT + pair.id, key.encode())
    table.put(key, value)
    return [Output(PAIRS, pair.id.encode(), value)]


def _drop(pair_id: str, table: Table) -> list[Output]:
    at = table.get(_AT + pair_id)
    if at is None:
        return []
    table.delete(at.decode())
    table.delete(_AT + pair_id)
    return [Output(PAIRS, pair_id.encode(), None)]


def _reviewed(pair_id: str, table: Table) -> bool:
    return table.get(_REVIEW + pair_id) is not None
