"""The owner's must-pass prompts: the file, and what counts as passed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.gatefolder import GOOD
from trainer.gate.calls import parse_answer
from trainer.gate.mustpass import MustPass, failures, read_must_pass


def write(folder: Path, *lines: Any) -> Path:
    path = folder / "must_pass.jsonl"
    path.write_text(
        "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    )
    return path


def test_a_file_of_cases(tmp_path: Path) -> None:
    cases = read_must_pass(
        write(
            tmp_path,
            {"name": "lamp", "prompt": "Light!", "calls": "lamp"},
            "",
            {
                "prompt": [
                    {"role": "system", "content": "Be brief."},
                    {"role": "user", "content": "Hi"},
                ],
                "contains": ["hello", "there"],
                "matches": "(?i)^hello",
            },
        )
    )
    assert [case.name for case in cases] == ["lamp", "line 3"]
    assert cases[0].prompt[0].role == "user"
    assert cases[0].calls is not None
    assert cases[0].calls.name == "lamp"
    assert cases[1].contains == ("hello", "there")
    assert [message.role for message in cases[1].prompt] == ["system", "user"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "line 2: Invalid JSON"),
        ({"prompt": "hi"}, "line 2: Value error, it asks for nothing"),
        ({"prompt": [], "contains": "x"}, "line 2: prompt: "),
        ({"prompt": "hi", "contain": "x"}, "line 2: contain: Extra inputs are not permitted"),
        ({"prompt": "hi", "matches": "("}, "line 2: Value error, matches: '(' is no regular"),
        ({"prompt": "hi", "calls": "a", "no_calls": True}, "line 2: Value error, calls and no"),
        ({"name": "a", "prompt": "hi", "contains": "x"}, "line 2: a second case is called 'a'"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, line: Any, says: str) -> None:
    path = write(tmp_path, {"name": "a", "prompt": "hi", "contains": "x"}, line)
    with pytest.raises(ValueError, match="line 2") as error:
        read_must_pass(path)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"train\.gate\.must_pass: .* can't be read"):
        read_must_pass(tmp_path / "nowhere.jsonl")


@pytest.mark.parametrize(
    ("wanted", "text", "says"),
    [
        ({"contains": "BERN"}, "It rains in Bern.", ()),
        ({"contains": "Oslo"}, "It rains in Bern.", ("does not say 'Oslo'",)),
        ({"not_contains": "bern"}, "It rains in Bern.", ("says 'bern'",)),
        ({"matches": r"\d+ °C"}, "It has 7 °C.", ()),
        ({"matches": "it"}, "It has 7 °C.", ("does not match 'it'",)),
        ({"calls": "lamp"}, GOOD, ()),
        ({"calls": {"name": "lamp", "arguments": {"state": "on"}}}, GOOD, ()),
        (
            {"calls": {"name": "lamp", "arguments": {"state": "off"}}},
            GOOD,
            ("does not call lamp(state='off') but lamp",),
        ),
        ({"calls": "oven"}, "No.", ("does not call oven but nothing",)),
        ({"no_calls": True}, "No.", ()),
        ({"no_calls": True}, GOOD, ("calls lamp",)),
        ({"no_calls": True}, "<tool_call>x</tool_call>", ("calls something unreadable",)),
        # What is looked for in words is not found in calls.
        ({"not_contains": "state"}, GOOD, ()),
    ],
)
def test_what_passes(wanted: dict[str, Any], text: str, says: tuple[str, ...]) -> None:
    case = MustPass.model_validate({"name": "it", "prompt": "hi", **wanted})
    assert failures(case, parse_answer(text)) == says
