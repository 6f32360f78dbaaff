"""What is to be forgotten, and whether a record is of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import orjson

Kind = Literal["session", "text", "regex"]

_STRUCTURE = frozenset(
    ["id", "parentId", "timestamp", "schema", "type", "role", "turn_id", "session", "agent", "file"]
)
"""Fields that the line and OpenClaw fill, and no person."""

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_ESCAPE = re.compile(r"\\+([ntr\"'/\\])")


class BadPattern(ValueError):
    """The pattern can't be used. The message says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """A session by its id, a text that occurs as it is written, or a regular expression of Python.

    Raises:
        BadPattern: the pattern is empty or no regular expression, or would match everything.
    """

    kind: Kind
    given: str

    def __post_init__(self) -> None:
        if not self.given.strip():
            raise BadPattern("nothing was named to be forgotten")
        if self.kind == "regex":
            try:
                found = re.compile(self.given).search("")
            except re.error as error:
                raise BadPattern(f"{self.given!r} is no regular expression: {error}") from error
            if found is not None:
                raise BadPattern(f"{self.given!r} matches everything")

    def matches(self, value: Any) -> bool:
        """Whether some text within parsed JSON has the pattern in it; a session's id is none."""
        if self.kind == "session":
            return False
        pattern = re.compile(re.escape(self.given) if self.kind == "text" else self.given)
        return any(pattern.search(text) for text in texts(value))

    def in_bytes(self, data: bytes) -> bool:
        """Whether a line that may be no JSON has the pattern in it."""
        try:
            return self.matches(orjson.loads(data))
        except orjson.JSONDecodeError:
            return self.matches(data.decode("utf-8", "replace"))


def texts(value: Any) -> Iterator[str]:
    """Yield the texts within parsed JSON; JSON within a text also as it reads without escapes."""
    if isinstance(value, str):
        yield value
        if "\\" in value:
            yield _ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[1]), value)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in _STRUCTURE or not isinstance(item, str):
                yield from texts(item)
