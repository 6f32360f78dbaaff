"""The same words at another time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from schemas.settings import Pairs
from schemas.turn import ContextMessage, Turn
from sinks.strategies import same_request
from sinks.strategies.asked import Asked, normalised

Make = Callable[..., Any]
RULES = Pairs()


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
    assert same_request.evidence(one, other, RULES) is None
    apart = other.model_copy(update={"session": "t"})
    assert same_request.evidence(one, apart, RULES) == "same request, same context"
    context = (ContextMessage(role="user", text="hi"),)
    assert "contexts differ" in str(
        same_request.evidence(one, apart.model_copy(update={"context": context}), RULES)
    )


@pytest.mark.parametrize(
    "change", [{"trigger": "heartbeat"}, {"images": 1}, {"request": " "}, {"continues": "t"}]
)
def test_a_turn_whose_request_is_not_known_whole_is_no_side(
    make_turn: Make, change: dict[str, Any]
) -> None:
    assert asked(make_turn(1)).usable
    assert not asked(make_turn(1, **change)).usable
