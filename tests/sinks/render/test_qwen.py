"""Qwen2.5's template, as its model card shows it."""

from __future__ import annotations

from typing import Any

import pytest
from jinja2.exceptions import SecurityError

from sinks.render import qwen
from sinks.render.qwen import completion, render

TOOL = {"type": "function", "function": {"name": "read", "description": "", "parameters": {}}}
CALL: dict[str, Any] = {
    "role": "assistant",
    "content": "",
    "tool_calls": [
        {"type": "function", "function": {"name": "read", "arguments": {"path": "<é> & 'x'"}}}
    ],
}
ASKED = {"role": "user", "content": "read it"}
RESULT = {"role": "tool", "content": "text", "tool_call_id": "call_1"}


def test_a_conversation_with_a_call() -> None:
    text = render([ASKED, CALL, RESULT], add_generation_prompt=True)
    assert text == (
        "<|im_start|>system\n"
        "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\nread it<|im_end|>\n"
        '<|im_start|>assistant\n<tool_call>\n{"name": "read", "arguments": '
        '{"path": "<é> & \'x\'"}}\n</tool_call><|im_end|>\n'
        "<|im_start|>user\n<tool_response>\ntext\n</tool_response><|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_tools_are_told_of() -> None:
    text = render([ASKED], [TOOL])
    assert '<tools>\n{"type": "function", "function": {"name": "read"' in text


@pytest.mark.parametrize("prompt", [[ASKED], [ASKED, CALL, RESULT]])
@pytest.mark.parametrize("answer", [CALL, {"role": "assistant", "content": "done"}])
def test_a_completion_is_what_follows_its_prompt(prompt: list[Any], answer: dict[str, Any]) -> None:
    whole = render([*prompt, answer], [TOOL])
    start = render(prompt, [TOOL], add_generation_prompt=True)
    assert start + completion(prompt, [answer], [TOOL]) == whole


def test_a_text_with_template_marks_stays_text() -> None:
    assert "{{ 7 * 7 }}" in render([{"role": "user", "content": "{{ 7 * 7 }}"}])


def test_templates_run_in_a_sandbox() -> None:
    environment = qwen._template().environment
    with pytest.raises(SecurityError):
        environment.from_string("{{ x.__class__.__mro__ }}").render(x=1)
