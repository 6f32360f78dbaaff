"""Which later turns set a bad one right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import pytest

from sinks.mends import CHAIN, Reply, mends


class Conversation:
    """Turns by their names: each one's score, and the turns that its replies began."""

    def __init__(self, turns: Mapping[str, tuple[float | None, Sequence[str]]]) -> None:
        self._turns = turns

    def replies(self, turn_id: str) -> Sequence[Reply]:
        return [(at, f"no, {name}") for at, name in enumerate(self._turns[turn_id][1])]

    def began(self, turn_id: str, at_ms: int) -> Sequence[str]:
        name = self._turns[turn_id][1][at_ms]
        return [name] if name in self._turns else []

    def request(self, turn_id: str) -> str:
        return f"request of {turn_id}"

    def overall(self, turn_id: str) -> float | None:
        return self._turns[turn_id][0]


def mended(turns: Mapping[str, tuple[float | None, Sequence[str]]]) -> list[tuple[str, list[str]]]:
    def asks_again(text: str, request: str) -> bool:
        return text.startswith("no") and request.startswith("request of ") and "thanks" not in text

    found = mends("bad", Conversation(turns), asks_again, 7.0)
    return [(turn_id, list(replies)) for turn_id, replies in found]


def test_the_next_turn_that_did_well_is_one() -> None:
    assert mended({"bad": (1, ["good"]), "good": (7, [])}) == [("good", ["no, good"])]


def test_one_behind_others_that_did_badly_or_have_no_score_is_one_too() -> None:
    turns: dict[str, tuple[float | None, list[str]]] = {
        "bad": (1, ["worse"]),
        "worse": (None, ["good"]),
        "good": (9, ["better"]),
        "better": (10, []),
    }
    # Behind a good turn nothing is set right any more.
    assert mended(turns) == [("good", ["no, worse", "no, good"])]


@pytest.mark.parametrize(
    "turns", [{"bad": (1, ["thanks"]), "thanks": (9, [])}, {"bad": (1, ["?"])}]
)
def test_a_reply_that_asks_for_nothing_or_began_no_turn_is_none(
    turns: dict[str, tuple[float, list[str]]],
) -> None:
    assert mended(turns) == []


@pytest.mark.parametrize("length", [CHAIN, CHAIN + 1])
def test_chains_end(length: int) -> None:
    names = ["bad", *(f"again {n}" for n in range(1, length)), "good"]
    turns = {name: (1.0, [then]) for name, then in pairwise(names)}
    found = mended({**turns, "good": (8.0, [])})
    assert [turn_id for turn_id, _ in found] == (["good"] if length <= CHAIN else [])


def test_a_circle_ends() -> None:
    assert mended({"bad": (1, ["other"]), "other": (2, ["bad"])}) == []


def test_a_turn_reached_on_two_ways_counts_once() -> None:
    turns = {
        "bad": (1.0, ["a", "b"]),
        "a": (2.0, ["good"]),
        "b": (2.0, ["good"]),
        "good": (9.0, []),
    }
    assert mended(turns) == [("good", ["no, a", "no, good"])]
