from __future__ import annotations

from agents.privacy.span import Span, beside, merge, within_strings


def test_overlapping_spans_become_one_of_the_longest_ones_kind() -> None:
    found = merge([Span(5, 9, "b"), Span(0, 6, "a"), Span(20, 22, "c")])
    assert found == [Span(0, 9, "a"), Span(20, 22, "c")]


def test_of_equal_spans_the_first_kind_by_name_counts() -> None:
    assert merge([Span(0, 4, "z"), Span(0, 4, "a")]) == [Span(0, 4, "a")]


def test_spans_that_touch_stay_two() -> None:
    assert len(merge([Span(0, 4, "a"), Span(4, 8, "a")])) == 2


def test_personal_data_that_a_secret_touches_is_none() -> None:
    secrets = [Span(10, 20, "a"), Span(30, 40, "a")]
    kept = [Span(start, start + 5, "email", "personal") for start in (5, 20, 40)]
    gone = [Span(9, 11, "p", "personal"), Span(19, 25, "p", "personal")]
    gone += [Span(12, 15, "p", "personal"), Span(29, 41, "p", "personal")]
    assert beside(secrets, kept) == sorted([*secrets, *kept])
    for span in gone:
        assert beside(secrets, [span]) == secrets
    assert beside([], gone[:1]) == gone[:1]


def test_a_span_is_cut_to_the_string_it_begins_in() -> None:
    line = b'{"a":"xyz","b":"uvw"}'
    assert within_strings(line, [Span(7, 18, "k")]) == [Span(7, 9, "k")]


def test_a_span_outside_of_strings_is_none() -> None:
    assert within_strings(b'{"a":12345,"b":1}', [Span(5, 10, "k")]) == []


def test_an_escape_is_not_cut() -> None:
    line = rb'{"a":"x\u00e9y\\"}'
    assert within_strings(line, [Span(9, 11, "k")]) == [Span(7, 13, "k")]
    assert within_strings(line, [Span(13, 15, "k")]) == [Span(13, 16, "k")]
    assert within_strings(line, [Span(15, 16, "k")]) == [Span(14, 16, "k")]
