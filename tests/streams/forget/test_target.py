from __future__ import annotations

import json

import pytest

from streams.forget.target import BadPattern, Target


def test_a_text_is_found_as_it_was_written_at_any_depth() -> None:
    said = 'the "blue" door\nof C. (really)'
    target = Target("text", said)
    assert target.matches({"content": [{"text": f"x {said} y"}]})
    assert target.matches({"content": json.dumps({"out": said})})
    assert not target.matches({"content": "the blue door"})


def test_a_pattern_is_a_regular_expression_and_a_text_is_none() -> None:
    assert Target("regex", r"(?i)night\s*jar").matches({"t": "NIGHT JAR"})
    assert not Target("text", "a.c").matches({"t": "abc"})


def test_a_session_matches_no_text() -> None:
    assert not Target("session", "s-1").matches({"t": "s-1"})


def test_ids_and_types_are_no_text() -> None:
    assert not Target("text", "message").matches({"type": "message", "id": "message"})
    assert Target("text", "message").matches({"type": ["message"]})


def test_a_line_that_is_no_json_is_searched_as_it_is() -> None:
    assert Target("text", "Nightjar").in_bytes(b'{"broken": Nightjar\xff')


@pytest.mark.parametrize("given", ["(", ".*", "x?", ""])
def test_patterns_that_can_not_be_used_are_refused(given: str) -> None:
    with pytest.raises(BadPattern):
        Target("regex", given)
