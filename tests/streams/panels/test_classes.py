"""What a verdict means for training, and why it means something else elsewhere."""

from __future__ import annotations

import pytest

from agents.ensemble import decide
from schemas.settings import Pairs, Panel
from schemas.verdict import Verdict
from streams.panels.classes import Said, classify, said, why
from tests.support.turns import make_judgement

TURN = "1" * 32
PANEL = Panel(name="p", judges=("a", "b", "c"), quorum=2, max_spread=4)


def verdict(scores: dict[str, int | None], panel: Panel = PANEL) -> Verdict:
    known = [make_judgement(TURN, judge, score) for judge, score in scores.items()]
    made = decide(panel, {judgement.id: judgement for judgement in known}, closed=True)
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ({"a": 7, "b": 7, "c": 9}, "chosen"),
        ({"a": 4, "b": 4, "c": 4}, "rejected"),
        ({"a": 5, "b": 6, "c": 6}, "middle"),
        ({"a": 2, "b": 9, "c": 9}, "disagreement"),
        ({"a": 9, "b": None}, "incomplete"),
    ],
)
def test_classes_follow_the_thresholds_for_pairs(
    scores: dict[str, int | None], expected: str
) -> None:
    assert classify(verdict(scores), Pairs()) == expected


def test_a_skip_is_skipped() -> None:
    skip = make_judgement(TURN, "prefilter", None).model_copy(
        update={"status": "skipped", "kind": "prefilter"}
    )
    made = decide(PANEL, {skip.id: skip}, closed=False)
    assert made is not None
    assert said(made, Pairs()) == Said("skipped", None, None, {}, ())


def test_why_names_the_scores_that_moved_and_who_came_and_went() -> None:
    before = said(verdict({"a": 4, "b": 4, "c": 4}), Pairs())
    other = PANEL.model_copy(update={"judges": ("a", "b", "d", "e")})
    after = said(verdict({"a": 8, "b": 4, "d": 9}, other), Pairs())
    assert why(before, after) == (
        "a 4 → 8",
        "d came: 9",
        "c went: 4",
        "e has not judged it",
        "median 4 → 8",
        "spread 0 → 5",
    )


def test_a_stricter_rule_alone_is_a_reason() -> None:
    scores: dict[str, int | None] = {"a": 6, "b": 8, "c": 8}
    strict = PANEL.model_copy(update={"max_spread": 1.0})
    before, after = said(verdict(scores), Pairs()), said(verdict(scores, strict), Pairs())
    assert (before.kind, after.kind) == ("chosen", "disagreement")
    assert why(before, after) == ("spread 2 → 2",)


def test_an_abstention_is_told() -> None:
    before = said(verdict({"a": 8, "b": 8, "c": 8}), Pairs())
    after = said(verdict({"a": 8, "b": None, "c": 8}), Pairs())
    assert why(before, after) == ("b 8 → abstains",)
