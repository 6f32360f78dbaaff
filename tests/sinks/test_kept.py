"""What a person says of a pair wins over the judges."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.pair import ChatMessage, PreferencePair, Side, pair_id
from schemas.review import Review, review_id
from schemas.table import MemoryTable
from sinks.kept import PAIR, replace_pairs, take_review


def a_pair(text: str = "good", **changes: Any) -> PreferencePair:
    def side(turn: str, said: str, overall: float) -> Side:
        message = ChatMessage(role="assistant", content=said)
        return Side(turn_id=turn, messages=(message,), overall=overall)

    fields: dict[str, Any] = {
        "id": pair_id("a", "b", "retry"),
        "strategy": "retry",
        "panel": "p",
        "started_ms": 5,
        "prompt": (ChatMessage(role="user", content="do"),),
        "chosen": side("a", text, 9),
        "rejected": side("b", "bad", 2),
        "margin": 7.0,
    }
    return PreferencePair(**(fields | changes))


def says(word: Any, at_ms: int = 1, pair: PreferencePair | None = None) -> Review:
    pair = pair or a_pair()
    return Review(id=review_id(pair.id, word, at_ms), pair=pair, word=word, at_ms=at_ms)


def standing(table: MemoryTable) -> list[PreferencePair]:
    return [PreferencePair.from_bytes(value) for _, value in table.scan(PAIR)]


def test_an_accepted_pair_stays_whatever_the_judges_say_later() -> None:
    table = MemoryTable()
    replace_pairs([], [a_pair()], table)
    (output,) = take_review(says("accept"), table)
    assert output.value is not None
    assert not replace_pairs([a_pair().id], [], table)
    assert not replace_pairs([], [a_pair("changed")], table)
    (pair,) = standing(table)
    assert (pair.reviewed, pair.chosen.messages[0].content) == ("accept", "good")


def test_a_rejected_pair_goes_and_does_not_come_back() -> None:
    table = MemoryTable()
    replace_pairs([], [a_pair()], table)
    (output,) = take_review(says("reject"), table)
    assert output.value is None
    assert not replace_pairs([], [a_pair("changed")], table)
    assert not standing(table)


def test_a_swapped_pair_has_its_sides_the_other_way_round() -> None:
    table = MemoryTable()
    take_review(says("swap"), table)
    (pair,) = standing(table)
    assert (pair.chosen.turn_id, pair.rejected.turn_id, pair.margin) == ("b", "a", -7)
    assert (pair.id, pair.reviewed) == (a_pair().id, "swap")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_last_word_counts_whichever_comes_first(order: tuple[int, int]) -> None:
    table = MemoryTable()
    words = [says("reject", 1), says("accept", 2)]
    for number in order:
        take_review(words[number], table)
    assert [pair.reviewed for pair in standing(table)] == ["accept"]
    assert not take_review(words[1], table)


def test_a_pair_that_moves_in_time_stands_once() -> None:
    table = MemoryTable()
    replace_pairs([], [a_pair()], table)
    replace_pairs([a_pair().id], [a_pair(started_ms=9)], table)
    assert [pair.started_ms for pair in standing(table)] == [9]
