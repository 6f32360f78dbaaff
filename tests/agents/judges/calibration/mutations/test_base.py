from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from agents.judges.calibration.mutations import MUTATIONS, Material, Mutation, mutate
from agents.judges.calibration.mutations.base import usable
from schemas.turn import ToolResult, Turn

EACH = pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)


@pytest.fixture(scope="module")
def material(turns: Sequence[Turn]) -> Material:
    return Material.of(turns)


@EACH
def test_the_original_is_not_touched(
    mutation: Mutation, turns: Sequence[Turn], material: Material
) -> None:
    before = [turn.to_bytes() for turn in turns]
    for turn in turns:
        mutate(mutation, turn, material, seed=1)
    assert [turn.to_bytes() for turn in turns] == before


@EACH
def test_the_same_seed_makes_the_same_junk_in_whatever_order_the_turns_come(
    mutation: Mutation, turns: Sequence[Turn]
) -> None:
    forth, back = Material.of(turns), Material.of(reversed(turns))
    once = [mutate(mutation, turn, forth, seed=3) for turn in turns]
    again = [mutate(mutation, turn, back, seed=3) for turn in turns]
    other = [mutate(mutation, turn, forth, seed=4) for turn in turns]
    assert once == again
    assert once != other


@EACH
def test_junk_is_a_turn_of_its_own(
    mutation: Mutation, turns: Sequence[Turn], material: Material
) -> None:
    made = [change for t in turns if (change := mutate(mutation, t, material, seed=1))]
    assert len(made) == len(turns)
    ids = {change.turn.id for change in made}
    assert len(ids) == len(made)
    assert ids.isdisjoint(turn.id for turn in turns)
    for change, original in zip(made, turns, strict=True):
        assert Turn.from_bytes(change.turn.to_bytes()) == change.turn
        assert change.turn.request == original.request
        assert change.turn.reaction is None
        assert change.turn.steps != original.steps
        assert change.what
        assert mutation.name not in change.turn.to_bytes().decode()


@EACH
def test_the_last_decision_says_the_answer(
    mutation: Mutation, turns: Sequence[Turn], material: Material
) -> None:
    for turn in turns:
        change = mutate(mutation, turn, material, seed=1)
        assert change is not None
        if change.turn.answer:
            assert change.turn.decisions[-1].text == change.turn.answer


@EACH
def test_a_turn_without_calls_is_only_spoilt_where_that_needs_none(
    mutation: Mutation, make_turn: Callable[..., Turn], material: Material
) -> None:
    idle = make_turn(calls=())
    applies = mutate(mutation, idle, material, seed=1) is not None
    assert applies is (mutation.name in {"degenerate", "injected_praise", "ignored_instruction"})


def test_names_are_unique_and_every_mutation_is_explained() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS)
    assert all(mutation.meaning and mutation.source for mutation in MUTATIONS)
    assert all(1 <= mutation.ceiling < 7 for mutation in MUTATIONS)


def test_material_holds_calls_that_worked_for_other_requests(
    turns: Sequence[Turn], material: Material
) -> None:
    assert list(material.tools) == sorted(material.tools)
    tool = turns[0].calls[0].name
    assert len(material.exchanges(tool, turns[0])) < len(material.tools[tool])


@pytest.mark.parametrize(
    "fields", [{"is_error": True}, {"exit_code": 2}, {"synthetic": True}, {"text": " "}]
)
def test_a_result_that_failed_or_is_empty_is_no_material(fields: dict[str, object]) -> None:
    good = ToolResult(call_id="c", name="exec", text="fine", exit_code=0)
    assert usable(good)
    assert not usable(good.model_copy(update=fields))
