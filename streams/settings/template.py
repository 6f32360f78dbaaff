"""The settings file as `clawback init` writes it: every setting explained, with its default."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from schemas.settings import SIGNALS, Host, ModelJudge, Panel, Settings
from streams.settings.environment import key_variable
from streams.settings.shape import allowed, is_table

_HEAD = """\
# The settings of clawback.
#
# A line that starts with "#" and a letter is a default: take the "#" away to change it. What stays
# as it is gets the better default of a later version. Durations: 250ms, 90s, 10m, 6h, 7d.
# An environment variable wins over this file: CLAWBACK_TAIL__QUIET=5s is quiet in [tail].
"""

_JUDGES = """\
# Who scores. While no judge stands here, these three score from what happened in a turn (tool
# errors, what the user said next, waste); no language model is asked. The first judge you add
# replaces all three.
"""

_MODEL_JUDGE = f"""\
# A language model as a judge, for example Ollama on another machine. Name one table for each.
#
#   [[judges]]
#   kind = "ollama"
#   name = "qwen"
#   url = "http://spark1:11434"
#   model = "qwen3:32b"
#
# An API key does not belong in this file: it is read from the environment, {key_variable("qwen")}
# here, or from the file that api_key_file names. What else can be set for such a judge:
#
"""

_PANELS = """\
# Who decides together. While no panel stands here, all judges make the panel "default", and a
# majority of them is its quorum. A panel of your own looks like this:
#
#   [[panels]]
#   name = "default"
#   judges = ["qwen", "nemotron", "deepseek"]
#   quorum = 2
#
# What can be set for a panel:
#
"""

_HOSTS = """\
# The machines that train. While none stands here, this one does. Two DGX Sparks look like this:
#
#   [[hosts]]
#   name = "spark1"
#   address = "me@spark1"
#
#   [[hosts]]
#   name = "spark2"
#   address = "me@spark2"
#
# What can be set for a machine:
#
"""


def render(openclaw: Sequence[Path] = ()) -> str:
    """Return the text of a settings file.

    Read back it gives exactly the defaults, but for the state directories in `openclaw`, which
    are written out where some are given.
    """
    parts = [_HEAD]
    for name, field in Settings.model_fields.items():
        if name == "judges":
            parts.append(_judges())
        elif name == "panels":
            parts.append(_PANELS + "\n".join(_options(Panel)) + "\n")
        elif name == "hosts":
            parts.append(_HOSTS + "\n".join(_options(Host)) + "\n")
        else:
            given = {"openclaw": [str(path) for path in openclaw]} if openclaw else {}
            parts += _table(name, field, given if name == "paths" else {})
    return "\n".join(parts)


def toml(value: Any) -> str:
    """Return a default as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value >= 10_000:
        return f"{value:_}"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(toml(item) for item in value)}]"
    return json.dumps(str(value), ensure_ascii=False)


def _table(name: str, field: FieldInfo, given: dict[str, Any]) -> Iterator[str]:
    model = field.annotation
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    lines = [*_comment(field.description or ""), f"[{name}]"]
    below: list[str] = []
    for key, setting in model.model_fields.items():
        if is_table(setting):
            below += _table(f"{name}.{key}", setting, {})
            continue
        if setting.annotation is SecretStr:
            continue
        lines += _comment(_explained(setting))
        if key in given:
            lines.append(f"{key} = {toml(given[key])}")
        else:
            lines.append(f"#{key} = {toml(setting.default)}")
    yield "\n".join(lines) + "\n"
    yield from below


def _explained(setting: FieldInfo) -> str:
    values = allowed(setting)
    return (
        f"{setting.description} One of: {', '.join(values)}."
        if values
        else (setting.description or "")
    )


def _judges() -> str:
    lines = [_JUDGES]
    for judge in SIGNALS:
        lines += [f"#[[judges]]\n{_defaults(judge.model_dump())}\n"]
    return "\n".join(lines) + "\n" + _MODEL_JUDGE + "\n".join(_options(ModelJudge)) + "\n"


def _defaults(values: dict[str, Any]) -> str:
    return "\n".join(f"#{name} = {toml(value)}" for name, value in values.items())


def _options(model: type[BaseModel]) -> Iterator[str]:
    """Say of each setting of a table that may be written several times what it is."""
    for name, field in model.model_fields.items():
        if name == "api_key":
            continue
        default = "" if field.is_required() or field.default is None else toml(field.default)
        text = f"{name}{f' = {default}' if default else ''}: {field.description}"
        yield from textwrap.wrap(
            text, 99, initial_indent="#   ", subsequent_indent="#       ", break_long_words=False
        )


def _comment(text: str) -> Iterable[str]:
    return textwrap.wrap(text, 99, initial_indent="# ", subsequent_indent="# ")
