"""The verdict as a function of the judgements at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import permutations

import pytest

from agents.ensemble import decide
from agents.ensemble.decide import preferred
from schemas.judgement import Judgement
from schemas.settings import Panel
from schemas.verdict import Verdict

Make = Callable[..., Judgement]
PANEL = Panel(name="p", judges=("a", "b", "c"), quorum=2, max_spread=4.0)


def of(*judgements: Judgement, closed: bool = False, panel: Panel = PANEL) -> Verdict | None:
    return decide(panel, {judgement.id: judgement for judgement in judgements}, closed)


def sure(verdict: Verdict | None) -> Verdict:
    assert verdict is not None
    return verdict


def test_nothing_is_said_of_nothing(make_judgement: Make) -> None:
    assert of(closed=True) is None
    assert of(make_judgement("stranger"), closed=True) is None


def test_it_waits_for_every_judge(make_judgement: Make) -> None:
    assert of(make_judgement("a"), make_judgement("b")) is None


def test_all_have_scored(make_judgement: Make) -> None:
    verdict = sure(of(make_judgement("c", 9), make_judgement("a", 5), make_judgement("b", 6)))
    assert (verdict.status, verdict.spread, verdict.missing) == ("scored", 4.0, ())
    assert verdict.scores is not None
    assert (verdict.scores.overall, verdict.scores.instruction_adherence) == (6, 7)
    assert [opinion.judge for opinion in verdict.opinions] == ["a", "b", "c"]
    assert verdict.revision == 1


def test_too_far_apart_is_a_disagreement_with_its_scores(make_judgement: Make) -> None:
    verdict = sure(of(make_judgement("a", 2), make_judgement("b", 7), make_judgement("c", 7)))
    assert (verdict.status, verdict.spread) == ("ensemble_disagreement", 5.0)
    assert verdict.scores is not None
    assert verdict.scores.overall == 7


def test_an_abstention_is_an_answer(make_judgement: Make) -> None:
    verdict = sure(of(make_judgement("a", 4), make_judgement("b", 7), make_judgement("c", None)))
    assert verdict.status == "scored"
    assert verdict.scores is not None
    assert verdict.scores.overall == 5.5
    assert verdict.opinions[2].reason == "timeout"
    assert verdict.llm_judges == 2


def test_too_few_scores_are_incomplete_without_medians(make_judgement: Make) -> None:
    answers = [make_judgement("a", 4), make_judgement("b", None), make_judgement("c", None)]
    verdict = sure(of(*answers))
    assert (verdict.status, verdict.scores, verdict.spread) == ("incomplete", None, None)
    assert verdict.missing == ()


@pytest.mark.parametrize(
    ("judges", "status", "missing"),
    [("a", "incomplete", ("b", "c")), ("ac", "scored", ("b",)), ("abc", "scored", ())],
)
def test_at_the_deadline_a_quorum_counts(
    make_judgement: Make, judges: str, status: str, missing: tuple[str, ...]
) -> None:
    verdict = sure(of(*(make_judgement(judge) for judge in judges), closed=True))
    assert (verdict.status, verdict.missing) == (status, missing)


def test_a_skip_decides_at_once_and_alone(make_judgement: Make, make_skip: Make) -> None:
    for order in permutations([make_judgement("a"), make_skip("heartbeat"), make_judgement("b")]):
        verdict = sure(of(*order))
        assert (verdict.status, verdict.missing) == ("skipped", ())
        assert [opinion.reason for opinion in verdict.opinions] == ["heartbeat"]


def test_other_judges_are_passed_over(make_judgement: Make) -> None:
    answers = [make_judgement(judge) for judge in "abc"]
    assert of(*answers, make_judgement("stranger", 1)) == of(*answers)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"rubric": "v10"}, {"rubric": "v9"}),
        ({"rubric": "v2", "model": "a"}, {"rubric": "v1", "model": "z"}),
        ({"model": "llama3.3:70b"}, {"model": "llama3.1:405b"}),
        ({"rubric": "v1"}, {"rubric": "v2", "overall": None}),
        ({"rubric": "v2", "overall": None}, {"rubric": "v1", "overall": None}),
        ({"rubric": "v1-2"}, {"rubric": "v1"}),
    ],
)
def test_of_two_by_one_judge_the_same_counts_in_any_order(
    make_judgement: Make, better: dict[str, object], worse: dict[str, object]
) -> None:
    pair: Iterable[Judgement] = [make_judgement("a", **worse), make_judgement("a", **better)]
    first, second = pair
    assert preferred([first, second]) is preferred([second, first]) is second
