"""Which decision of a bad turn is taken for the bad one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sinks.blame import blame
from sinks.chat import messages_of

Make = Callable[..., Any]
LS = ("exec", {"command": "ls"}, "a b")
CAT = ("read", {"path": "a"}, "text")
RM = ("exec", {"command": "rm a"}, "")


def fault(
    make_turn: Make, steps: Any, failing: tuple[int, ...] = (), words: tuple[str, ...] = ()
) -> tuple[int, str]:
    """Return the number of the blamed decision and what tells; `failing` counts results from 1."""
    changed = list(steps)
    for number in failing:
        at = 2 * number - 1
        changed[at] = changed[at].model_copy(update={"is_error": True})
    found = blame(messages_of(make_turn(1, steps=tuple(changed))), words)
    assert found is not None
    return found.number, found.evidence


def test_the_call_that_failed_and_was_not_made_good(make_turn: Make, make_steps: Make) -> None:
    steps = make_steps(LS, CAT, LS)
    assert fault(make_turn, steps, (1, 2)) == (2, "read failed (error) and was not made good")


def test_the_call_that_was_made_again_to_no_new_effect(make_turn: Make, make_steps: Make) -> None:
    assert fault(make_turn, make_steps(LS, CAT, LS)) == (
        3,
        "exec was called again to the same effect",
    )


def test_a_call_that_failed_though_it_was_made_good(make_turn: Make, make_steps: Make) -> None:
    assert fault(make_turn, make_steps(CAT, RM, LS), (2,)) == (2, "exec failed (error)")


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("The second call removes what was to be read.", 2),
        ("Step 3 was not asked for", 3),
        ("decision #2 is wrong", 2),
        ("It used read on a folder.", 2),
        ("call 9 is wrong", 1),
        ("The second call and step 3 are wrong", 1),
        ("exec was used badly", 1),
        ("poor", 1),
    ],
)
def test_what_the_judges_single_out(
    make_turn: Make, make_steps: Make, words: str, number: int
) -> None:
    found = fault(make_turn, make_steps(LS, CAT, RM), words=(words,))
    assert found[0] == number
    assert bool(found[1]) == (number != 1)


def test_else_the_first(make_turn: Make, make_steps: Make) -> None:
    assert fault(make_turn, make_steps(LS, CAT)) == (1, "")


def test_a_turn_without_decisions_has_none(make_turn: Make) -> None:
    assert blame(messages_of(make_turn(1, steps=()))) is None
