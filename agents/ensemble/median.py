"""The median of each dimension and the spread of the judges."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.judgement import Scores
from schemas.verdict import Medians


def median(values: Sequence[int]) -> float:
    """Return the middle value, or the mean of the middle two.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values have no median")
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return float(ordered[middle])
    return (ordered[middle - 1] + ordered[middle]) / 2


def medians(scores: Sequence[Scores]) -> Medians:
    """Return the median of each dimension by itself: one outlier moves none of them far."""
    return Medians(
        tool_correctness=median([score.tool_correctness for score in scores]),
        task_completion=median([score.task_completion for score in scores]),
        instruction_adherence=median([score.instruction_adherence for score in scores]),
        efficiency=median([score.efficiency for score in scores]),
        overall=median([score.overall for score in scores]),
    )


def spread(scores: Sequence[Scores]) -> float:
    """Return the largest `overall` less the smallest."""
    overall = [score.overall for score in scores]
    return float(max(overall) - min(overall))
