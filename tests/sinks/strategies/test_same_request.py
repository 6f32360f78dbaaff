"""The same words, and nearly the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from schemas.turn import ContextMessage, Turn
from sinks.strategies import neighbour, same_request
from sinks.strategies.asked import Asked, normalised

Make = Callable[..., Any]


def asked(turn: Turn) -> Asked:
    return Asked.model_validate_json(turn.to_bytes())


def test_requests_are_compared_without_case_and_spacing() -> None:
    assert normalised("  Straße\n\tNR 1 ") == "strasse nr 1"


def test_one_agent_and_trigger_make_one_group(make_turn: Make) -> None:
    turns = [
        make_turn(n, agent=agent, trigger=trigger, request=request)
        for n, (agent, trigger, request) in enumerate(
            [
                ("a", "user", "x y"),
                ("a", "user", "X  Y"),
                ("b", "user", "x y"),
                ("a", "cron", "x y"),
            ]
        )
    ]
    assert len({same_request.key(asked(turn)) for turn in turns}) == 3


def test_siblings_are_left_to_the_branch_strategy(make_turn: Make) -> None:
    one, other = (make_turn(n, session="s", request="list the files") for n in (1, 2))
    assert same_request.evidence(one, other) is None
    apart = other.model_copy(update={"session": "t"})
    assert same_request.evidence(one, apart) == "same request, same context"
    context = (ContextMessage(role="user", text="hi"),)
    assert "contexts differ" in str(
        same_request.evidence(one, apart.model_copy(update={"context": context}))
    )


@pytest.mark.parametrize(
    "change", [{"trigger": "heartbeat"}, {"images": 1}, {"request": " "}, {"continues": "t"}]
)
def test_a_turn_whose_request_is_not_known_whole_is_no_side(
    make_turn: Make, change: dict[str, Any]
) -> None:
    assert asked(make_turn(1)).usable
    assert not asked(make_turn(1, **change)).usable


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("Could you book the flight to Rome?", "please book flight to rome, thanks", True),
        ("book the flight to Rome", "book the flight to Rio", False),
        ("wake me at 7:30 tomorrow", "wake me at 8:30 tomorrow", False),
        ("what is in my inbox today", "today: what is in the inbox?", True),
    ],
)
def test_neighbours_have_the_same_words_that_mean_something(
    make_turn: Make, one: str, other: str, near: bool
) -> None:
    keys = [neighbour.key(asked(make_turn(n, request=r))) for n, r in enumerate((one, other))]
    assert all(keys)
    assert (keys[0] == keys[1]) is near


def test_too_few_words_have_no_neighbours(make_turn: Make) -> None:
    assert neighbour.key(asked(make_turn(1, request="do it again please"))) == ""


def test_the_same_words_are_left_to_the_strategy_above(make_turn: Make) -> None:
    one, other = make_turn(1, request="Book it  now"), make_turn(2, request="book it now")
    assert neighbour.evidence(one, other) is None
    assert neighbour.evidence(one, make_turn(3, request="book it now!")) is not None
