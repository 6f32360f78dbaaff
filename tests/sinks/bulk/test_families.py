"""Which sessions are of one family."""

from __future__ import annotations

import random

from sinks.bulk.families import families


def test_those_that_hold_the_same_turns_are_one_family() -> None:
    found = families([("b", "a"), ("c", "b"), ("x", "y")])
    assert found == {"a": "a", "b": "a", "c": "a", "x": "x", "y": "x"}


def test_a_session_without_relatives_is_none() -> None:
    assert families([]) == {}


def test_the_order_of_links_makes_no_difference() -> None:
    dice = random.Random(1)
    links = [(f"s{dice.randrange(60)}", f"s{dice.randrange(60)}") for _ in range(50)]
    expected = families(links)
    for _ in range(5):
        dice.shuffle(links)
        assert families(links) == expected
    assert all(expected[one] == expected[other] for one, other in links)
