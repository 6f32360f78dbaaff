"""Tool calls as models write them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.gatefolder import LAMP
from trainer.gate.calls import Call, fault, parse_answer

ON = '{"name": "lamp", "arguments": {"state": "on"}}'


def called(inside: str) -> str:
    return f"<tool_call>\n{inside}\n</tool_call>"


def test_words_and_calls_are_told_apart() -> None:
    found = parse_answer(f"On it.\n{called(ON)}\n{called(ON)}")
    assert found.content == "On it."
    assert found.calls == (Call(name="lamp", arguments={"state": "on"}),) * 2
    assert found.broken == ()
    assert parse_answer("Just words.").content == "Just words."


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (called("{'name': 'lamp'}"), "no JSON"),
        (called("[1]"), "no JSON object but list"),
        (called('{"arguments": {}}'), "no name of a tool"),
        (called('{"name": "lamp", "arguments": "{}"}'), "arguments are no object but str"),
        (called("[" * 100_000), "no JSON"),
        (f"<tool_call>\n{ON}", "the call is not closed"),
        (f"<tool_call>\n{ON}\n{called(ON)}", "the call is not closed"),
        (f"{ON}\n</tool_call>", "a call is closed that was not opened"),
    ],
)
def test_a_call_that_does_not_parse_is_said_to(text: str, says: str) -> None:
    found = parse_answer(text)
    assert len(found.broken) == 1
    assert found.broken[0].startswith(says)


def test_a_call_that_the_limit_cut_counts_neither_way() -> None:
    found = parse_answer('Well.\n<tool_call>\n{"name": "la', finished=False)
    assert found.cut
    assert found.broken == found.calls == ()
    assert found.content == "Well."


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("lamp", {"state": "on"}, ""),
        ("lamp", {"state": "on", "more": 1}, ""),
        ("lampp", {"state": "on"}, "there is no tool 'lampp'"),
        ("lamp", {}, "lamp: 'state' is a required property"),
        ("lamp", {"state": 1}, "lamp.state: 1 is not of type 'string'"),
    ],
)
def test_a_call_is_held_against_the_tools(name: str, arguments: dict[str, Any], says: str) -> None:
    assert fault(Call(name=name, arguments=arguments), [LAMP]) == says


def test_a_schema_that_is_none_says_nothing_against_a_call() -> None:
    broken = {"function": {"name": "lamp", "parameters": {"type": "nonsense"}}}
    assert fault(Call(name="lamp", arguments={}), [broken]) == ""
    assert fault(Call(name="lamp", arguments={}), [{"function": {"name": "lamp"}}]) == ""
