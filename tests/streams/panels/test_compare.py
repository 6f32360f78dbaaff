"""Two panels on the same turns."""

from __future__ import annotations

import random

import numpy as np
import pytest

from streams.panels.classes import CLASSES, Class, Said
from streams.panels.compare import Comparison
from streams.panels.report import as_json, page, tables

WORDS = {"t": "is <b>the car</b> charged?"}


def told(kind: Class, overall: float | None = None, **scores: int | None) -> Said:
    return Said(kind, overall, 0.0, scores, ())


def test_changes_and_turns_of_one_alone_are_counted() -> None:
    found = Comparison("x@1", "y@2")
    found.take("s", told("chosen", 8.0, a=8), told("chosen", 7.0, a=7))
    found.take("t", told("chosen", 8.0, a=8), told("rejected", 2.0, a=2))
    found.take("u", told("chosen", 8.0, a=8), None)
    found.take("v", None, told("chosen", 8.0, a=8))
    assert (found.turns, found.same, found.only_a, found.only_b) == (2, 1, 1, 1)
    (change,) = found.changes
    assert (change.turn_id, change.before, change.after) == ("t", "chosen", "rejected")
    assert change.why == ("a 8 → 2", "median 8 → 2")


def test_agreement_is_corrected_for_chance() -> None:
    dice = random.Random(3)
    blind, same = Comparison("x", "y"), Comparison("x", "y")
    for number in range(3_000):
        a, b = (dice.choice(CLASSES[:3]) for _ in range(2))
        blind.take(str(number), told(a), told(b))
        same.take(str(number), told(a), told(a))
    assert blind.class_kappa() == pytest.approx(0, abs=0.05)
    assert same.class_kappa() == 1


def test_kappa_of_the_classes_is_that_of_the_table() -> None:
    table = np.array([[20, 5, 0], [3, 10, 4], [1, 2, 15]])
    found = Comparison("x", "y")
    for (a, b), count in np.ndenumerate(table):
        for number in range(count):
            found.take(f"{a}{b}{number}", told(CLASSES[a]), told(CLASSES[b]))
    total = table.sum()
    seen, chance = table.trace() / total, (table.sum(0) * table.sum(1)).sum() / total**2
    assert found.class_kappa() == pytest.approx((seen - chance) / (1 - chance))


def test_skipped_turns_do_not_make_panels_agree() -> None:
    found = Comparison("x", "y")
    for number in range(50):
        found.take(str(number), told("skipped"), told("skipped"))
    assert found.class_kappa() is None
    found.take("a", told("chosen"), told("rejected"))
    found.take("b", told("rejected"), told("chosen"))
    assert found.class_kappa() == pytest.approx(-1)


def test_medians_and_judges_have_their_figures() -> None:
    found = Comparison("x", "y")
    for score in (2, 4, 6, 8):
        found.take(
            str(score),
            told("middle", float(score), a=score, b=score),
            told("middle", float(score), a=score, b=10 - score),
        )
    assert found.scored == 4
    assert found.score_kappa() == 1
    alpha_a, alpha_b = found.judges_alpha()
    assert alpha_a == pytest.approx(1)
    assert alpha_b is not None
    assert alpha_b < 0


def test_nothing_in_common_is_no_figure() -> None:
    empty = Comparison("x", "y")
    assert empty.class_kappa() is None
    assert as_json(empty, {})["agreement"]["score_kappa"] is None
    assert "no turn in common" in page(empty, {})


def test_json_page_and_table_tell_the_same() -> None:
    found = Comparison("x@1", "y@2")
    found.take("t", told("chosen", 8.0, a=8), told("rejected", 2.0, a=2))
    data = as_json(found, WORDS)
    assert data["changes"][0]["why"] == ["a 8 → 2", "median 8 → 2"]
    assert data["classes"] == [{"a": "chosen", "b": "rejected", "turns": 1}]
    made = page(found, WORDS)
    assert "is &lt;b&gt;the car&lt;/b&gt; charged?" in made
    assert "a 8 → 2" in made
    # Self-contained: nothing is fetched from anywhere.
    assert "http" not in made
    assert "src=" not in made
    assert tables(found, WORDS) is not None
