"""All at once gives what one after the other gives."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.generation import GeneratedSide, Generation, generation_id
from schemas.pair import ChatMessage, PreferencePair, Strategy
from schemas.record import Record
from schemas.review import Review, Word, review_id
from schemas.settings import Pairs
from schemas.table import MemoryTable
from schemas.turn import Turn
from schemas.verdict import Verdict
from sinks import PairsSink
from sinks.bulk import TOPICS as READ
from sinks.bulk import Bulk, Shards, take
from sinks.kept import PAIR

Make = Callable[..., Any]
ALL = Pairs(strategies=get_args(Strategy))
TOPICS = {Turn: "turns", Verdict: "verdicts", Generation: "generations", Review: "reviews"}


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


def some_reviews(dice: random.Random, pairs: Sequence[bytes]) -> list[Review]:
    words: tuple[Word, ...] = get_args(Word)
    reviews = []
    for at_ms, value in enumerate(dice.choices(pairs, k=len(pairs) // 3)):
        pair, word = PreferencePair.from_bytes(value), dice.choice(words)
        said = review_id(pair.id, word, at_ms)
        reviews.append(Review(id=said, pair=pair, word=word, at_ms=at_ms))
    return reviews


def paired(folder: Path, shards: int, records: Sequence[Record]) -> list[PreferencePair]:
    """The pairs of all records at once."""
    place = Shards(folder, shards)
    values = [(TOPICS[type(record)], record.to_bytes()) for record in records]
    bulk = Bulk(place, "default", take(place, "0", "default", values).reviews, map)
    return list(bulk.pair(ALL, asks_again, map).pairs())


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_bulk_and_the_running_sink_make_the_same_pairs(
    make_turn: Make, make_verdict: Make, seed: int
) -> None:
    dice = random.Random(seed)
    records: list[Record] = []
    for n in range(30):
        turn = make_turn(
            n,
            request=a_request(dice),
            session=f"s{dice.randrange(6)}",
            steps=make_turn(dice.randint(1, 6)).steps,
        )
        if dice.random() < 0.5:
            at_ms = turn.started_ms + 1000 * dice.randint(1, 3)
            heard = {"id": f"r{n}", "turn_id": turn.id, "text": "no, wrong", "at_ms": at_ms}
            turn = Turn.model_validate(turn.model_dump() | {"reaction": heard})
        records += [turn, make_verdict(n, dice.choice([1, 3, 6, 8, 9]))]
        if dice.random() < 0.1:
            # A fork holds the turn, too; and the panel has thought again.
            copy = {"copied": True, "session": f"fork-{turn.session}"}
            again = make_verdict(n, dice.choice([2, 9]))
            records += [turn.model_copy(update=copy), again.model_copy(update={"revision": 2})]
        sides: tuple[GeneratedSide, ...] = ("chosen", "rejected")
        records += [made_anew(turn, side, dice.choice([2, 9])) for side in sides]
    table = MemoryTable()
    sink = PairsSink(Path("unused"), "default", ALL, asks_again)
    for record in records:
        sink.apply(TOPICS[type(record)], record.to_bytes(), table)
    for review in some_reviews(dice, [value for _, value in table.scan(PAIR)]):
        records.append(review)
        sink.apply("reviews", review.to_bytes(), table)
    dice.shuffle(records)
    with TemporaryDirectory() as folder:
        made = sorted(pair.to_bytes() for pair in paired(Path(folder), dice.randint(1, 5), records))
    assert made == sorted(value for _, value in table.scan(PAIR))


def test_neighbours_of_several_bands_are_among_them(
    tmp_path: Path, make_turn: Make, make_verdict: Make
) -> None:
    dice = random.Random(1)
    records: list[Record] = []
    for n in range(60):
        turn = make_turn(n, request=a_request(dice), steps=make_turn(dice.randint(1, 6)).steps)
        records += [turn, make_verdict(n, dice.choice([2, 9]))]
    pairs = paired(tmp_path, 2, records)
    said = {pair.evidence.split(",")[0] for pair in pairs if pair.strategy == "neighbour"}
    assert len(said) > 1


def test_what_can_not_be_read_is_told(tmp_path: Path) -> None:
    shards = Shards(tmp_path, 2)
    taken = take(shards, "0", "default", [(topic, b"{}") for topic in READ])
    assert taken.records == {"unreadable": len(READ)}
    assert not list(Bulk(shards, "default", taken.reviews, map).turns())
