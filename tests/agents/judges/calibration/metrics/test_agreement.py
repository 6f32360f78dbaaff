from __future__ import annotations

import random

import pytest

from agents.judges.calibration.metrics.alpha import krippendorff_alpha
from agents.judges.calibration.metrics.kappa import confusion, weighted_kappa

SEXUAL_FUN = ((7, 7, 2, 3), (2, 8, 3, 7), (1, 5, 4, 9), (2, 8, 9, 14))
"""Answers of 91 married couples (Hout, Duncan and Sobel 1987; Agresti 1990, page 369)."""

KRIPPENDORFF = {
    "a": "1 2 3 3 2 1 4 1 2 . . .",
    "b": "1 2 3 3 2 2 4 1 2 5 . 3",
    "c": ". 3 3 3 2 3 4 2 2 5 1 .",
    "d": "1 2 3 3 2 4 4 1 2 5 1 .",
}
"""Example C of Krippendorff (2011), who gives an ordinal alpha of 0.815."""


def observers() -> dict[str, dict[str, float]]:
    return {
        name: {str(at): float(v) for at, v in enumerate(row.split()) if v != "."}
        for name, row in KRIPPENDORFF.items()
    }


def test_kappa_of_a_published_table() -> None:
    cells = [
        (i, j) for i, row in enumerate(SEXUAL_FUN) for j, n in enumerate(row) for _ in range(n)
    ]
    kappa = weighted_kappa([i for i, _ in cells], [j for _, j in cells])
    # Kappa(SexualFun, weights = "Fleiss-Cohen") of the R package vcd.
    assert kappa == pytest.approx(0.3320, abs=5e-5)


def test_kappa_is_that_of_the_confusion_table() -> None:
    dice = random.Random(1)
    a = [dice.randint(1, 10) for _ in range(300)]
    b = [min(10, max(1, x + dice.randint(-2, 3))) for x in a]
    n = len(a)
    observed = sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) / n
    expected = sum((x - y) ** 2 * a.count(x) * b.count(y) for x in set(a) for y in set(b)) / n**2
    assert weighted_kappa(a, b) == pytest.approx(1 - observed / expected)


def test_kappa_at_its_ends() -> None:
    assert weighted_kappa([1, 5, 9], [1, 5, 9]) == 1
    assert weighted_kappa([1, 9], [9, 1]) == -1
    assert weighted_kappa([5, 5], [5, 5]) is None
    assert weighted_kappa([], []) is None
    with pytest.raises(ValueError, match="2 scores against 1"):
        weighted_kappa([1, 2], [1])


def test_confusion_counts_bands() -> None:
    assert confusion([4, 4.5, 7, 10], [7, 6, 7, 1]) == ((0, 0, 1), (0, 1, 0), (1, 0, 1))


def test_alpha_of_krippendorffs_example() -> None:
    found = krippendorff_alpha(observers(), [str(at) for at in range(12)])
    assert found == pytest.approx(0.815, abs=5e-4)


@pytest.mark.parametrize(
    "scores", [{"a": {"1": 3.0}, "b": {"2": 4.0}}, {"a": {"1": 5.0}, "b": {"1": 5.0}}, {}]
)
def test_alpha_is_unknown_without_shared_turns_or_variance(
    scores: dict[str, dict[str, float]],
) -> None:
    assert krippendorff_alpha(scores, ["1", "2"]) is None
