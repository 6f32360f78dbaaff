"""Rows as they stand in the files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemas.pair import ChatMessage
from sinks.dataset.rows import has_long_number, texts, unpaired_row
from sinks.strategies.unpaired import Unpaired


def test_messages_are_what_their_model_dumps() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "t", "arguments": {"n": None}}}
    prompt = (
        ChatMessage(role="user", content="é"),
        ChatMessage(role="tool", content="x", tool_call_id="call_1", name="t"),
    )
    answer = ChatMessage(role="assistant", tool_calls=(call,))
    row = unpaired_row(Unpaired("t", "s", 1, 1, prompt, answer, True, 9.0, ""))
    found = [json.loads(text) for text in (*row["prompt"], *row["completion"])]
    assert found == [json.loads(m.model_dump_json()) for m in (*prompt, answer)]
    assert found[-1]["tool_calls"][0]["function"]["arguments"] == {"n": None}


@pytest.mark.parametrize(
    ("value", "long"),
    [
        (2**63 - 1, False),
        (2**64 - 1, False),
        (2**64, True),
        (-(2**63), False),
        (-(2**63) - 1, True),
        ("9" * 40, False),
        (1e30, False),
        (0.12345678901234567890123, False),
        ([{"deep": 10**25}], True),
    ],
)
def test_integers_of_more_than_64_bits_are_found(value: Any, long: bool) -> None:
    call = {"function": {"name": "t", "arguments": {"value": value}}}
    message = {"role": "assistant", "content": "9" * 40, "tool_calls": [call]}
    assert has_long_number({"prompt": texts([message])}) is long
