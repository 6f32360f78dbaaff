"""``--where``: what it reads, what it refuses, and that it says where."""

from __future__ import annotations

from typing import Any

import pytest

from streams.replay.where import WhereError, parse

FIELDS = {"name": str, "calls": float, "silent": bool, "tools": list, "verdict.overall": float}


def meets(text: str, **facts: Any) -> bool:
    test, _ = parse(text, FIELDS)
    return test(dict.fromkeys(FIELDS) | {"tools": []} | facts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name = main", True),
        ("name == 'main'", True),
        ('name != "other one"', True),
        ("name ~ AI", True),
        ("calls >= 3", True),
        ("calls>3", False),
        ("calls = 3.0", True),
        ("silent = TRUE", True),
        ("tools ~ Exec", True),
        ("tools ~ ex", False),
        ("not tools ~ read", True),
        ("name = x or calls < 4 and silent = true", True),
        ("(name = x or calls < 4) and silent = false", False),
        ("not (name = x and calls = 3)", True),
        ("NOT name = x AND calls = 3", True),
    ],
)
def test_an_expression_means_what_it_says(text: str, expected: bool) -> None:
    assert meets(text, name="main", calls=3.0, silent=True, tools=["exec"]) is expected


def test_what_is_not_known_meets_no_comparison_but_unequal() -> None:
    for op in ("=", "<", "<=", ">", ">="):
        assert not meets(f"verdict.overall {op} 4")
    assert meets("verdict.overall != 4")
    assert not meets("name ~ x")


def test_it_says_which_fields_it_looks_at() -> None:
    assert parse("calls > 1 or name = x", FIELDS)[1] == {"calls", "name"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nme = x", "there is no field 'nme'; there are: name, calls"),
        ("calls > many", "calls is a number, and 'many' is none"),
        ("silent = maybe", "true or false"),
        ("silent > true", "no order"),
        ("calls ~ 3", "is no text"),
        ("tools = exec", "is a list"),
        ("name", "expected one of"),
        ("name =", "expected a value behind name =, and the expression ends"),
        ("name = x calls = 3", "expected `and`, `or` or the end at 'calls = 3'"),
        ("(name = x", "expected `)`"),
        ("name ( x", "expected one of"),
        ("and name = x", "there is no field 'and'"),
        ("name = 'open", "can't read"),
        ("", "expected a field"),
        ("__import__('os') = 1", "there is no field '__import__'"),
    ],
)
def test_a_mistake_is_told_in_one_line(text: str, told: str) -> None:
    with pytest.raises(WhereError) as error:
        parse(text, FIELDS)
    assert told in str(error.value)
    assert "\n" not in str(error.value)
