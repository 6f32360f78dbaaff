"""All at once gives what one after the other gives."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.settings import Pairs
from schemas.table import MemoryTable
from schemas.turn import Turn
from sinks import PairsSink
from sinks.bulk import TOPICS, Bulk, Shards, take
from sinks.kept import PAIR

Make = Callable[..., Any]
ALL = Pairs(strategies=("branch", "retry", "same_request", "neighbour", "unpaired"))


def asks_again(text: str, request: str) -> bool:  # noqa: ARG001
    return text.startswith("no")


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_bulk_and_the_running_sink_make_the_same_pairs(
    make_turn: Make, make_verdict: Make, seed: int
) -> None:
    dice = random.Random(seed)
    records: list[tuple[str, bytes]] = []
    for n in range(30):
        turn = make_turn(
            n,
            request=f"please do it, number {dice.randrange(4)}",
            session=f"s{dice.randrange(6)}",
            steps=make_turn(dice.randint(1, 6)).steps,
        )
        if dice.random() < 0.5:
            at_ms = turn.started_ms + 1000 * dice.randint(1, 3)
            heard = {"id": f"r{n}", "turn_id": turn.id, "text": "no, wrong", "at_ms": at_ms}
            turn = Turn.model_validate(turn.model_dump() | {"reaction": heard})
        verdict = make_verdict(n, dice.choice([1, 3, 6, 8, 9]))
        records += [("turns", turn.to_bytes()), ("verdicts", verdict.to_bytes())]
    table = MemoryTable()
    sink = PairsSink(Path("unused"), "default", ALL, asks_again)
    for topic, value in records:
        sink.apply(topic, value, table)
    dice.shuffle(records)
    with TemporaryDirectory() as folder:
        shards = Shards(Path(folder), dice.randint(1, 5))
        bulk = Bulk(shards, "default", take(shards, "0", "default", records), map)
        paired = bulk.pair(ALL, asks_again, map)
        made = sorted(pair.to_bytes() for pair in paired.pairs())
    assert made == sorted(value for _, value in table.scan(PAIR))


def test_what_can_not_be_read_is_told(tmp_path: Path) -> None:
    shards = Shards(tmp_path, 2)
    taken = take(shards, "0", "default", [(topic, b"{}") for topic in TOPICS])
    assert taken.records == {"unreadable": len(TOPICS)}
    assert not list(Bulk(shards, "default", taken, map).turns())
