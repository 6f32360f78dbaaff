"""What is wrong with the settings, said so that it can be mended at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel

from schemas.settings import Settings
from streams.settings.positions import KeyPath
from streams.settings.shape import resolve, tables

_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text in quotes",
    "path": "a path in quotes",
    "tuple": "a list in brackets",
    "model": "a table",
    "model_attributes": "a table",
    "dict": "a table",
    "url": "an address",
}

_LIMITS = {
    "greater_than_equal": ("at least {}", "ge"),
    "greater_than": ("more than {}", "gt"),
    "less_than_equal": ("at most {}", "le"),
    "less_than": ("less than {}", "lt"),
    "too_short": ("at least {} of them", "min_length"),
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing to mend.

    `where` is ``file:line`` or the environment variable's name; `written` is that line, or the
    variable's value.
    """

    where: str
    setting: str
    problem: str
    written: str = ""
    expected: str = ""
    advice: str = ""

    def __str__(self) -> str:
        lines = [f"{self.where}: {f'{self.setting}: ' if self.setting else ''}{self.problem}"]
        if self.written:
            lines.append(f"    {self.written}")
        if self.expected:
            lines.append(f"  expected {self.expected}")
        if self.advice:
            lines.append(f"  {self.advice}")
        return "\n".join(lines)


class SettingsError(Exception):
    """The settings do not hold; `mistakes` has all that was found, not only the first."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = tuple(mistakes)


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake before it is known where it was written: the way to the setting, and what of it."""

    path: KeyPath
    problem: str
    expected: str = ""
    advice: str = ""


def dotted(path: KeyPath) -> str:
    """Return ``tail.quiet``, ``judges[0].url``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def closest(word: str, words: Sequence[str]) -> str | None:
    """Return the one of `words` that was probably meant."""
    near = get_close_matches(word.lower(), words, n=1, cutoff=0.6)
    return near[0] if near else None


def finding(error: Any) -> Finding:
    """Put one of pydantic's errors (an item of `ValidationError.errors()`) in an owner's words."""
    path, table = resolve(error["loc"])
    kind: str = error["type"]
    context: dict[str, Any] = error.get("ctx") or {}
    if kind == "extra_forbidden":
        return _unknown(path, table)
    if kind == "missing":
        return _missing(path, table)
    if kind == "across":
        return Finding((*path, *context["at"]), context["message"])
    if kind == "value_error":
        return Finding(path, str(context["error"]))
    if kind == "literal_error":
        return _not_among(path, error["input"], _quoted(context["expected"]))
    if kind == "union_tag_invalid":
        return _not_among((*path, "kind"), context["tag"], _quoted(context["expected_tags"]))
    if kind == "union_tag_not_found":
        return Finding(path, "kind is missing", expected='kind = "signals", "ollama" or "openai"')
    if kind == "string_pattern_mismatch":
        return Finding(path, f"{error['input']!r} can't be a name", "a-z, 0-9, - and _ only")
    if kind in _LIMITS:
        words, name = _LIMITS[kind]
        shown = "" if kind == "too_short" else f"{error['input']!r} "
        return Finding(path, f"{shown}is out of bounds".lstrip(), words.format(context[name]))
    expected = _KINDS.get(kind.removesuffix("_type").removesuffix("_parsing"))
    if expected is None and kind == "int_from_float":
        expected = _KINDS["int"]
    if expected:
        return Finding(path, f"{error['input']!r} does not fit", expected)
    return Finding(path, error["msg"])


def _unknown(path: KeyPath, table: type[BaseModel] | None) -> Finding:
    name = str(path[-1])
    names = list(table.model_fields) if table else []
    near = closest(name, names)
    if near:
        advice = f"did you mean {near}?"
    else:
        homes = [dotted(way) for way, model in tables() if way and name in model.model_fields]
        advice = f"there is one in [{homes[0]}]; is it in the wrong table?" if homes else ""
    what = "table" if table is Settings else "setting"
    expected = "one of: " + ", ".join(names) if names else ""
    return Finding(path, f"there is no such {what}", expected, advice)


def _missing(path: KeyPath, table: type[BaseModel] | None) -> Finding:
    name = str(path[-1])
    field = table.model_fields.get(name) if table else None
    return Finding(path, "is missing", f"{name}: {field.description}" if field else name)


def _not_among(path: KeyPath, given: Any, values: list[str]) -> Finding:
    near = closest(str(given), values)
    return Finding(
        path,
        f"{given!r} is not known",
        "one of: " + ", ".join(values),
        f'did you mean "{near}"?' if near else "",
    )


def _quoted(listing: str) -> list[str]:
    """Return the values in pydantic's ``'a', 'b' or 'c'``."""
    return [part for number, part in enumerate(listing.split("'")) if number % 2]
