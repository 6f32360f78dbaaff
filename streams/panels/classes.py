"""What a verdict means for training, and what moved it from one meaning to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from schemas.settings import Pairs
from schemas.verdict import Verdict

Class = Literal["chosen", "middle", "rejected", "disagreement", "incomplete", "skipped"]

CLASSES: Final[tuple[Class, ...]] = (
    "chosen",
    "middle",
    "rejected",
    "disagreement",
    "incomplete",
    "skipped",
)
"""`chosen` and `rejected` can be a side of a pair, `middle` is neither. In a `disagreement` the
judges lie too far apart, in an `incomplete` verdict too few have scored; `skipped` turns were
dropped by the pre-filter."""


@dataclass(frozen=True, slots=True)
class Said:
    """A verdict as far as a comparison needs it: `scores` are `overall` by judge, None of one who
    abstained."""

    kind: Class
    overall: float | None
    spread: float | None
    scores: Mapping[str, int | None]
    missing: tuple[str, ...]


def classify(verdict: Verdict, rules: Pairs) -> Class:
    """Return what a verdict means under the thresholds for pairs."""
    if verdict.status == "skipped":
        return "skipped"
    if verdict.status == "ensemble_disagreement":
        return "disagreement"
    if verdict.scores is None:
        return "incomplete"
    if verdict.scores.overall >= rules.chosen:
        return "chosen"
    return "rejected" if verdict.scores.overall <= rules.rejected else "middle"


def said(verdict: Verdict, rules: Pairs) -> Said:
    """Return what a comparison needs of a verdict."""
    return Said(
        kind=classify(verdict, rules),
        overall=None if verdict.scores is None else verdict.scores.overall,
        spread=verdict.spread,
        scores={
            opinion.judge: None if opinion.scores is None else opinion.scores.overall
            for opinion in verdict.opinions
            if opinion.kind != "prefilter"
        },
        missing=verdict.missing,
    )


def why(a: Said, b: Said) -> tuple[str, ...]:
    """Return what differs between two panels' verdicts on a turn, each in a few words.

    Scores that moved first, then who came and who went, then what that made of median and spread.
    """
    reasons = []
    for judge in sorted(a.scores.keys() & b.scores.keys()):
        if a.scores[judge] != b.scores[judge]:
            reasons.append(f"{judge} {_score(a.scores[judge])} → {_score(b.scores[judge])}")
    reasons += [f"{judge} came: {_score(b.scores[judge])}" for judge in _only(b, a)]
    reasons += [f"{judge} went: {_score(a.scores[judge])}" for judge in _only(a, b)]
    reasons += [f"{judge} has not judged it" for judge in b.missing if judge not in a.missing]
    if a.overall is not None and b.overall is not None and a.overall != b.overall:
        reasons.append(f"median {a.overall:g} → {b.overall:g}")
    if "disagreement" in (a.kind, b.kind) and a.spread is not None and b.spread is not None:
        # The same spread can be too large for one panel's rule and not for the other's.
        reasons.append(f"spread {a.spread:g} → {b.spread:g}")
    return tuple(reasons)


def _only(here: Said, there: Said) -> list[str]:
    return sorted(here.scores.keys() - there.scores.keys())


def _score(score: int | None) -> str:
    return "abstains" if score is None else str(score)
