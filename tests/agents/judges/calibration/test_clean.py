from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from agents.judges.calibration.clean import why_not_clean
from schemas.turn import Turn

CALL = {"name": "exec", "arguments": {"command": "ls"}, "text": "a.txt"}


def test_good_turns_are_clean(turns: Sequence[Turn]) -> None:
    assert [why_not_clean(turn) for turn in turns] == [""] * len(turns)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"trigger": "cron"}, "nobody asked for it (cron)"),
        ({"copied": True}, "a copy of another session's turn"),
        ({"calls": ()}, "no tool was used"),
        ({"calls": ({**CALL, "is_error": True},)}, "a tool failed"),
        ({"calls": ({**CALL, "exit_code": 2},)}, "a tool failed"),
        ({"calls": ({**CALL, "unanswered": True},)}, "a tool never answered"),
        ({"calls": (CALL, CALL)}, "a call was repeated for nothing"),
        ({"stop_reason": "aborted"}, "it did not end with an answer"),
        ({"answer": "ok"}, "it has next to no answer"),
        ({"reaction": "no, that's wrong"}, "the user objected"),
        ({"reaction": "please list the files in the work folder"}, "the user asked again"),
    ],
)
def test_what_is_not_clean_says_why(
    fields: dict[str, Any], reason: str, make_turn: Callable[..., Turn]
) -> None:
    assert why_not_clean(make_turn(**fields)) == reason


def test_a_reaction_that_came_later_counts(make_turn: Callable[..., Turn]) -> None:
    objection = make_turn(reaction="no, that's wrong").reaction
    assert why_not_clean(make_turn(), objection) == "the user objected"
