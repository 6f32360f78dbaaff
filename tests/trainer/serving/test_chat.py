"""How a model chats where it is served, after the template it was trained with."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

from trainer.serving.chat import STOPS, chat_of

QWEN = files("sinks.render").joinpath("qwen2_5.jinja").read_text("utf-8")
SMOL = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are SmolLM.<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
)


def test_qwen_gets_a_template_with_tools(tmp_path: Path) -> None:
    (tmp_path / "chat_template.jinja").write_text(QWEN)
    chat = chat_of(tmp_path)
    assert chat.tools
    assert chat.stops == STOPS
    assert chat.system == "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
    assert "{{- if .ToolCalls }}" in chat.template


def test_the_template_says_what_training_said(tmp_path: Path) -> None:
    """The words around tools, calls and results are those of the model's own template."""
    (tmp_path / "chat_template.jinja").write_text(QWEN)
    template = chat_of(tmp_path).template
    begin = QWEN.index("# Tools")
    preamble = QWEN[begin : QWEN.index('<tools>"', begin)].replace("\\n", "\n")
    assert preamble in template
    for words in ("<tool_response>", "</tool_response>", "For each function call, return a json"):
        assert words in QWEN
        assert words in template


def test_what_answers_with_plain_text_gets_one_without(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": SMOL}))
    chat = chat_of(tmp_path)
    assert not chat.tools
    assert chat.system == "You are SmolLM."
    assert "<|im_start|>{{ .Role }}" in chat.template


def test_another_template_is_left_to_ollama(tmp_path: Path) -> None:
    (tmp_path / "chat_template.jinja").write_text("{{ messages[0].content }}")
    assert chat_of(tmp_path) == chat_of(tmp_path / "nothing")
    assert chat_of(tmp_path).template == ""


def test_a_template_that_can_not_be_rendered_has_no_system_message(tmp_path: Path) -> None:
    (tmp_path / "chat_template.jinja").write_text(
        "{{ raise_exception('no') }}<|im_start|><|im_end|>"
    )
    assert chat_of(tmp_path).system == ""
