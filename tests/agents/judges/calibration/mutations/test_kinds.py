"""What each mutation does to a turn, and when it leaves it alone."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from agents.judges.calibration.mutations import MUTATIONS, Change, Material, mutate
from agents.judges.calibration.mutations.answers import MASTER_KEYS
from agents.judges.calibration.mutations.arguments import KINDS, twisted
from agents.judges.calibration.mutations.injection import PRAISE
from schemas.turn import Turn

BY_NAME = {mutation.name: mutation for mutation in MUTATIONS}
Spoil = Callable[[str], list[tuple[Turn, Change]]]


@pytest.fixture(scope="module")
def spoil(turns: Sequence[Turn]) -> Spoil:
    material = Material.of(turns)

    def each(name: str) -> list[tuple[Turn, Change]]:
        made = [(turn, mutate(BY_NAME[name], turn, material, seed=5)) for turn in turns]
        return [(turn, change) for turn, change in made if change is not None]

    return each


def test_wrong_tool_calls_only_known_tools_that_the_turn_had_not_used(spoil: Spoil) -> None:
    known = {"calendar", "exec", "memory_search", "read", "web_search"}
    for turn, change in spoil("wrong_tool"):
        used = {call.name for call in turn.calls}
        wrong = {call.name for call in change.turn.calls}
        assert wrong <= known
        assert not wrong & used
        assert [r.name for r in change.turn.results] == [c.name for c in change.turn.calls]
        assert change.turn.answer == turn.answer
        assert all(r.text.startswith(f"{r.name} says") for r in change.turn.results)


def test_wrong_tool_needs_another_tool(make_turn: Callable[..., Turn]) -> None:
    one, two = make_turn(), make_turn(request="and now the other folder, please", asked_ms=5)
    assert mutate(BY_NAME["wrong_tool"], one, Material.of([one, two]), seed=1) is None


def test_repeated_calls_repeat_the_first_round_under_ids_of_their_own(spoil: Spoil) -> None:
    for turn, change in spoil("repeated_calls"):
        first = turn.calls[0]
        same = [
            c for c in change.turn.calls if (c.name, c.arguments) == (first.name, first.arguments)
        ]
        assert 8 <= len(same) <= 12
        ids = [call.id for call in change.turn.calls]
        assert len(set(ids)) == len(ids)
        assert [result.call_id for result in change.turn.results] == ids
        assert change.turn.answer == turn.answer


def test_wrong_arguments_come_in_the_proportions_of_fc_rewardbench(
    turns: Sequence[Turn],
) -> None:
    material = Material.of(turns)
    kinds: Counter[str] = Counter()
    for seed in range(30):
        for turn in turns:
            change = mutate(BY_NAME["wrong_arguments"], turn, material, seed)
            assert change is not None
            kinds[change.what.partition(" in ")[0]] += 1
            assert all(
                a.arguments != b.arguments
                for a, b in zip(change.turn.calls, turn.calls, strict=True)
            )
    total = sum(KINDS.values())
    for kind, weight in KINDS.items():
        assert kinds[kind] / kinds.total() == pytest.approx(weight / total, abs=0.03)


def test_a_missing_or_mistyped_argument_is_refused_by_the_tool(spoil: Spoil) -> None:
    refused = [c.turn for _, c in spoil("wrong_arguments") if not c.what.startswith("wrong value")]
    assert refused
    for turn in refused:
        assert all(result.is_error for result in turn.results)
        assert all("Validation failed" in result.text for result in turn.results)


def test_a_value_without_a_donor_is_twisted_and_finds_nothing(
    make_turn: Callable[..., Turn],
) -> None:
    turn = make_turn()
    for seed in range(20):
        change = mutate(BY_NAME["wrong_arguments"], turn, Material.of([turn]), seed)
        assert change is not None
        if change.what.startswith("wrong value"):
            assert change.turn.results[0].text == "No results."
            break
    else:
        pytest.fail("no seed made a wrong value")


@pytest.mark.parametrize("value", [True, 7, 2.5, "note-1.txt", "plain", [1], [], {"a": 1}, None])
def test_a_twisted_value_differs_and_keeps_its_type(value: object) -> None:
    made = twisted(value, random.Random(1))
    assert made != value
    assert value in (None, []) or type(made) is type(value)


def test_a_hallucinated_result_leaves_an_answer_without_support(spoil: Spoil) -> None:
    lost = kept = 0
    for turn, change in spoil("hallucinated_result"):
        if change.turn.answer == turn.answer:
            lost += 1
            assert all(result.synthetic for result in change.turn.results)
        else:
            kept += 1
            assert [r.text for r in change.turn.results] == [r.text for r in turn.results]
    assert lost > 10
    assert kept > 10


def test_success_is_claimed_after_every_call_has_failed(spoil: Spoil) -> None:
    for turn, change in spoil("claimed_success_after_error"):
        assert all(result.is_error for result in change.turn.results)
        assert all(result.exit_code in (None, 1) for result in change.turn.results)
        assert change.turn.answer.endswith(turn.answer)
        assert len(change.turn.answer) > len(turn.answer)


def test_an_ignored_instruction_does_the_work_of_another_request(
    spoil: Spoil, turns: Sequence[Turn]
) -> None:
    by_answer = {turn.answer: turn for turn in turns}
    for turn, change in spoil("ignored_instruction"):
        donor = by_answer[change.turn.answer]
        assert donor.request != turn.request
        assert change.turn.steps == donor.steps
        assert change.turn.ended_ms >= change.turn.started_ms


def test_a_truncated_turn_stops_without_an_answer(spoil: Spoil) -> None:
    for turn, change in spoil("truncated"):
        assert change.turn.answer == ""
        assert change.turn.stop_reason == "length"
        assert change.turn.calls
        assert len(change.turn.steps) < len(turn.steps)


def test_a_degenerate_answer_is_one_of_the_known_phrases(spoil: Spoil) -> None:
    made = [change.turn for _, change in spoil("degenerate")]
    assert {turn.answer for turn in made} == set(MASTER_KEYS)
    assert {bool(turn.calls) for turn in made} == {True, False}


def test_praise_is_the_only_thing_an_injection_adds(spoil: Spoil) -> None:
    places = set()
    for turn, change in spoil("injected_praise"):
        said = change.turn.to_bytes().decode()
        praise = next(p for p in PRAISE if p.replace('"', '\\"').replace("\n", "\\n") in said)
        if change.turn.answer != turn.answer:
            places.add("answer")
            assert change.turn.answer == f"{turn.answer}\n\n{praise}"
            assert change.turn.results == turn.results
        else:
            places.add("result")
            changed = [
                (old.text, new.text)
                for old, new in zip(turn.results, change.turn.results, strict=True)
                if old != new
            ]
            assert changed == [(changed[0][0], f"{changed[0][0]}\n{praise}")]
    assert places == {"answer", "result"}


def test_a_turn_that_never_answered_gets_no_answer_by_injection(
    make_turn: Callable[..., Turn],
) -> None:
    cut = make_turn(answer="")
    for seed in range(10):
        change = mutate(BY_NAME["injected_praise"], cut, Material.of([cut]), seed)
        assert change is not None
        assert change.turn.answer == ""
    empty = make_turn(answer="", calls=())
    assert mutate(BY_NAME["injected_praise"], empty, Material.of([empty]), 1) is None
