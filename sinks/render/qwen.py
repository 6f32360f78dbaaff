"""The chat template of Qwen2.5, rendered as transformers renders chat templates.

`qwen2_5.jinja` is the template of Qwen2.5-72B-Instruct, as TRL ships it (Apache-2.0, see
`LICENSE-qwen2_5.txt`). What is set here beside it is what `transformers.utils.chat_template_utils`
sets: a sandbox, trimmed blocks, a `tojson` that escapes no HTML, and `raise_exception`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NoReturn

from jinja2 import Template
from jinja2.exceptions import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

Messages = Sequence[Mapping[str, Any]]


def render(
    messages: Messages,
    tools: Sequence[Mapping[str, Any]] = (),
    *,
    add_generation_prompt: bool = False,
) -> str:
    """Return messages as Qwen2.5 reads them.

    Args:
        messages: in the chat format, arguments as objects.
        tools: the schemas of the tools that the model is told of.
        add_generation_prompt: end where the assistant's answer begins.

    Raises:
        jinja2.TemplateError: the template has no place for these messages.
    """
    return _template().render(
        messages=list(messages),
        tools=list(tools) or None,
        add_generation_prompt=add_generation_prompt,
    )


def completion(prompt: Messages, answer: Messages, tools: Sequence[Mapping[str, Any]] = ()) -> str:
    """Return only what an answer adds to its rendered prompt."""
    start = render(prompt, tools, add_generation_prompt=True)
    # The template writes a line feed behind `assistant` only where text or a call follows it.
    return render([*prompt, *answer], tools)[len(start) :]


@cache
def _template() -> Template:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise
    source = files("sinks.render").joinpath("qwen2_5.jinja").read_text(encoding="utf-8")
    return environment.from_string(source)


def _to_json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _raise(message: str) -> NoReturn:
    raise TemplateError(message)
