"""The median and the spread."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.ensemble.median import median, medians, spread
from schemas.judgement import Scores

scores = st.builds(
    Scores,
    **{name: st.integers(1, 10) for name in Scores.model_fields},
)


@given(st.lists(st.integers(1, 10), min_size=1))
def test_median_is_the_textbooks(values: list[int]) -> None:
    assert median(values) == statistics.median(values)


def test_the_mean_of_the_middle_two() -> None:
    assert median([9, 2, 3, 8]) == 5.5


def test_nothing_has_no_median() -> None:
    with pytest.raises(ValueError, match="no values"):
        median([])


@given(st.lists(scores, min_size=1, max_size=5))
def test_each_dimension_by_itself(given_scores: list[Scores]) -> None:
    found = medians(given_scores)
    for name in Scores.model_fields:
        assert getattr(found, name) == median([getattr(one, name) for one in given_scores])
    overall = [one.overall for one in given_scores]
    assert spread(given_scores) == max(overall) - min(overall)
