"""All at once gives what one after the other gives."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.generation import GeneratedSide, Generation, generation_id
from schemas.pair import ChatMessage, PreferencePair, Strategy
from schemas.record import Record
from schemas.settings import Pairs
from schemas.table import MemoryTable
from schemas.turn import Turn
from schemas.verdict import Verdict
from sinks import PairsSink
from sinks.bulk import make_pairs
from sinks.intake import Intake
from sinks.kept import PAIR

Make = Callable[..., Any]
ALL = Pairs(strategies=get_args(Strategy))


TOPICS = {Turn: "turns", Verdict: "verdicts", Generation: "generations"}


def asks_again(text: str, request: str) -> bool:  # noqa: ARG001
    return text.startswith("no")


LONG = (
    "look through every new mail from our suppliers about deliveries and tell me what is in number"
)


def a_request(rng: random.Random) -> str:
    """A request that others are equal to, or near, in different numbers of bands."""
    number = rng.randrange(4)
    if number < 2:
        return f"please do it, number {number}"
    more = [word for word in ("carefully", "first", "please") if rng.random() < 0.4]
    return " ".join([*more, LONG, str(number)])


def made_anew(turn: Turn, side: GeneratedSide, overall: float) -> Generation:
    message = ChatMessage(role="assistant", content=f"{overall} for {turn.request}")
    return Generation(
        id=generation_id(turn.id, 1, "m", message, side),
        turn_id=turn.id,
        side=side,
        decision=1,
        model="m",
        message=message,
        panel="default",
        overall=overall,
    )


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_bulk_and_the_running_sink_make_the_same_pairs(
    make_turn: Make, make_verdict: Make, seed: int
) -> None:
    rng = random.Random(seed)
    records: list[Record] = []
    for n in range(30):
        turn = make_turn(
            n,
            request=a_request(rng),
            session=f"s{rng.randrange(6)}",
            steps=make_turn(rng.randint(1, 6)).steps,
        )
        if rng.random() < 0.5:
            at_ms = turn.started_ms + 1000 * rng.randint(1, 3)
            heard = {"id": f"r{n}", "turn_id": turn.id, "text": "no, wrong", "at_ms": at_ms}
            turn = Turn.model_validate(turn.model_dump() | {"reaction": heard})
        records += [turn, make_verdict(n, rng.choice([1, 3, 6, 8, 9]))]
        sides: tuple[GeneratedSide, ...] = ("chosen", "rejected")
        records += [made_anew(turn, side, rng.choice([2, 9])) for side in sides]
    one, other = MemoryTable(), MemoryTable()
    sink = PairsSink(Path("unused"), "default", ALL, asks_again)
    for record in records:
        sink.apply(TOPICS[type(record)], record.to_bytes(), one)
    rng.shuffle(records)
    intake = Intake(other, map)
    for record in records:
        assert list(intake.take(TOPICS[type(record)], [record.to_bytes()])) == [True]
    make_pairs("default", ALL, asks_again, other, lambda: None, map)
    assert list(one.scan(PAIR)) == list(other.scan(PAIR))


def test_neighbours_of_several_bands_are_among_them(make_turn: Make, make_verdict: Make) -> None:
    table, rng = MemoryTable(), random.Random(1)
    intake = Intake(table, map)
    for n in range(60):
        turn = make_turn(n, request=a_request(rng), steps=make_turn(rng.randint(1, 6)).steps)
        for topic, record in (("turns", turn), ("verdicts", make_verdict(n, rng.choice([2, 9])))):
            assert list(intake.take(topic, [record.to_bytes()])) == [True]
    make_pairs("default", ALL, asks_again, table, lambda: None, map)
    pairs = [PreferencePair.from_bytes(value) for _, value in table.scan(PAIR)]
    said = {pair.evidence.split(",")[0] for pair in pairs if pair.strategy == "neighbour"}
    assert len(said) > 1


def test_what_can_not_be_read_is_told() -> None:
    table = MemoryTable()
    for topic in ("turns", "verdicts", "reactions", "reviews"):
        assert list(Intake(table, map).take(topic, [b"{}"])) == [False]
    assert not list(table.scan(""))
