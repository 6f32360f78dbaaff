"""Nearly the same request, in the same tool situation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from schemas.settings import Pairs
from schemas.turn import Turn
from sinks.dataset import near
from sinks.strategies import neighbour
from sinks.strategies.asked import Asked
from sinks.strategies.select import GROUPINGS

Make = Callable[..., Any]
NINE = "look through every new mail from suppliers about deliveries"
TEN = "look through every new mail from our suppliers about deliveries"
LONG = (
    "look through every new mail from our suppliers about late deliveries then write down what "
    "each says in the table about orders so that we see who is late again this month before the "
    "meeting with {}"
)
RULES = Pairs()


def keys(turn: Turn) -> list[str]:
    asked = Asked.model_validate_json(turn.to_bytes())
    return [neighbour.key(band, asked) for band in range(neighbour.BANDS)]


def evidence(one: Turn, other: Turn, rules: Pairs = RULES) -> list[str]:
    """What all groups say that two turns are both in."""
    found = [
        neighbour.evidence(band, one, other, rules)
        for band, (key, same) in enumerate(zip(keys(one), keys(other), strict=True))
        if key and key == same
    ]
    return [each for each in found if each is not None]


def near_enough(make_turn: Make, one: str, other: str, similarity: float = 0.9) -> bool:
    turns = (make_turn(n, request=request) for n, request in enumerate((one, other)))
    return bool(evidence(*turns, Pairs(neighbour_similarity=similarity)))


def test_there_is_a_grouping_for_each_band_of_a_sketch() -> None:
    assert neighbour.BANDS == near.BANDS
    names = [each.name for each in GROUPINGS if each.strategy == "neighbour"]
    assert names == [f"neighbour/{band}" for band in range(near.BANDS)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Could you book the flight to Rome?", "please book a flight to Rome, thanks"),
        ("book three tickets now!", "Book the three tickets"),
        (LONG.format("accounting"), LONG.format("accounting").replace("every", "really every")),
    ],
)
def test_other_fillers_and_a_word_more_in_a_long_request_are_near(
    make_turn: Make, one: str, other: str
) -> None:
    assert near_enough(make_turn, one, other)
    assert near_enough(make_turn, other, one)


def test_the_evidence_tells_how_near_and_which_tools(make_turn: Make) -> None:
    (said,) = evidence(make_turn(1, request=TEN), make_turn(2, request=f"{TEN} today"))
    assert said == (
        "nearly the same request (0.90), both call exec; the prompt has the chosen turn's"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Rome", "Rio"),
        ("rome", "rio"),
        ("7", "8"),
        ('"alpha"', '"beta"'),
        ("/srv/a", "/srv/b"),
        ("https://a.example/x", "https://a.example/y"),
        ("2026-11-22", "2026-11-23"),
        ("Ada and Bob", "Bob and Ada"),
        ("ada and bob", "bob and ada"),
        ("lights on", "lights off"),
        ("us", "us, not them"),
        ("us", "us but don't send it"),
        ("us", "us there in silence together"),
    ],
)
def test_another_argument_or_another_word_is_another_request_however_long_it_is(
    make_turn: Make, one: str, other: str
) -> None:
    one, other = LONG.format(one), LONG.format(other)
    alike = near.similarity(near.sketch(one).shingles, near.sketch(other).shingles)
    assert alike >= 0.85
    assert not near_enough(make_turn, one, other, 0.5)


def test_a_word_that_a_call_was_given_is_an_argument(make_turn: Make, make_steps: Make) -> None:
    one, other = LONG.format("everyone"), LONG.format("everyone tomorrow")
    assert near_enough(make_turn, one, other)
    steps = make_steps(("exec", {"command": "cal\n--day=Tomorrow"}, ""))
    turns = make_turn(1, request=one), make_turn(2, request=other, steps=steps)
    assert not evidence(*turns)


@pytest.mark.parametrize(
    ("similarity", "near_"), [(0.5, True), (19 / 21, True), (19 / 21 + 1e-9, False), (1, False)]
)
def test_at_the_threshold_is_near_enough(make_turn: Make, similarity: float, near_: bool) -> None:
    # Ten words make 19 words and pairs; one more at the end adds two.
    assert near_enough(make_turn, TEN, f"{TEN} today", similarity) is near_


def test_a_request_of_nine_words_allows_no_word_more(make_turn: Make) -> None:
    assert not near_enough(make_turn, NINE, f"{NINE} today")
    assert near_enough(make_turn, NINE, f"{NINE} today", 0.85)


@pytest.mark.parametrize(
    ("calls", "near_"),
    [
        ([("exec", {"command": "mails"}, "")], True),
        ([("read", {"path": "a"}, ""), ("exec", {"command": "mails"}, "")], True),
        ([("read", {"path": "a"}, "")], False),
        ([], False),
    ],
)
def test_both_turns_call_a_tool_in_common(
    make_turn: Make, make_steps: Make, calls: Any, near_: bool
) -> None:
    better = make_turn(1, request=f"please, {TEN}")
    worse = make_turn(2, request=TEN, steps=make_steps(*calls))
    assert bool(evidence(better, worse)) is near_


def test_two_turns_meet_once_however_many_bands_they_share(make_turn: Make) -> None:
    one, other = make_turn(1, request=TEN), make_turn(2, request=f"{TEN}, please")
    assert keys(one) == keys(other)
    assert len(set(keys(one))) == neighbour.BANDS
    assert len(evidence(one, other)) == 1


def test_groups_are_those_of_one_agent_and_trigger(make_turn: Make) -> None:
    one = make_turn(1, request=TEN)
    for change in ({"agent": "another"}, {"trigger": "cron"}):
        assert set(keys(one)).isdisjoint(keys(make_turn(2, request=TEN, **change)))


@pytest.mark.parametrize("request_", ["do it again please", "read this: " + "words " * 5_000])
def test_too_few_words_and_too_much_text_have_no_neighbours(make_turn: Make, request_: str) -> None:
    assert keys(make_turn(1, request=request_)) == [""] * neighbour.BANDS


def test_the_same_words_are_left_to_the_strategy_above(make_turn: Make) -> None:
    assert not near_enough(make_turn, TEN, f" {TEN.upper()}".lower())
    assert near_enough(make_turn, TEN, f"{TEN}!")
