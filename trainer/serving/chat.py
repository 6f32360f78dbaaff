"""How messages become the model's text where it is served, after how they did in training."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from jinja2 import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

STOPS: Final = ("<|im_start|>", "<|im_end|>")
_CALL: Final = "<tool_call>"


@dataclass(frozen=True, slots=True)
class Chat:
    """What Ollama is told of a model's way to chat.

    `template` is a Go template, "" for the one that Ollama itself knows for the model. `system` is
    what the model's own template says where the messages have no system message. `tools` says
    whether the template has a place for them, without which Ollama refuses tools.
    """

    template: str = ""
    system: str = ""
    stops: tuple[str, ...] = ()
    tools: bool = False


def chat_of(folder: Path) -> Chat:
    """Return how a model chats, by the chat template beside its tokenizer.

    Args:
        folder: the directory with the tokenizer's files.
    """
    source = _source(folder)
    if not all(mark in source for mark in STOPS):
        return Chat()
    name = "qwen2_5" if _CALL in source else "chatml"
    template = files("trainer.serving").joinpath(f"templates/{name}.gotmpl").read_text("utf-8")
    return Chat(template.rstrip("\n"), _system(source), STOPS, tools=_CALL in source)


def _source(folder: Path) -> str:
    """Return the chat template: a file of its own, as it is written now, or a field as it was."""
    own = folder / "chat_template.jinja"
    if own.exists():
        return own.read_text(encoding="utf-8")
    config = folder / "tokenizer_config.json"
    found = json.loads(config.read_bytes()).get("chat_template") if config.exists() else None
    return found if isinstance(found, str) else ""


def _system(source: str) -> str:
    """Return the system message that a template writes by itself."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    messages = [{"role": "user", "content": "?"}]
    try:
        text = environment.from_string(source).render(messages=messages, tools=None)
    except (TemplateError, TypeError):
        return ""
    begin = f"{STOPS[0]}system\n"
    return text.removeprefix(begin).partition(STOPS[1])[0] if text.startswith(begin) else ""


def _to_json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)
