"""On which line of a TOML text each key stands.

``tomllib`` reads values and forgets where they stood. This reads places and forgets the values: it
goes over text that tomllib has accepted, so it need not know what is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

KeyPath = tuple[str | int, ...]
"""A way into the data: keys of tables and indices of arrays."""

_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]*")
_STRING = re.compile(
    r'"""(?P<ml>(?:[^"\\]|\\.|"(?!""))*"{0,2})"""'
    r"|'''(?:[^']|'(?!''))*'{0,2}'''"
    r'|"(?P<basic>(?:[^"\\\n]|\\.)*)"'
    r"|'(?P<literal>[^'\n]*)'",
    re.DOTALL,
)


def positions(text: str) -> dict[KeyPath, int]:
    """Return the line (from 1) of each table, key and array element in a valid TOML text."""
    return dict(_Reader(text).read())


def line_of(found: dict[KeyPath, int], path: KeyPath) -> int | None:
    """Return the line of `path`, or of the nearest thing around it that has one."""
    for length in range(len(path), 0, -1):
        line = found.get(path[:length])
        if line is not None:
            return line
    return None


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._counted = 0

    def read(self) -> Iterator[tuple[KeyPath, int]]:
        table: KeyPath = ()
        arrays: dict[KeyPath, int] = {}
        while self._skip():
            line = self._line_here()
            if self._text[self._at] == "[":
                double = self._text.startswith("[[", self._at)
                self._at += 2 if double else 1
                table = self._below(arrays, self._key(), is_array=double)
                self._at += 2 if double else 1
                yield table, line
            else:
                yield from self._pair(table)

    def _below(self, arrays: dict[KeyPath, int], key: KeyPath, *, is_array: bool) -> KeyPath:
        """Return the path a header opens: `[a.b]` below an array of tables is in its last one."""
        path: KeyPath = ()
        for number, part in enumerate(key):
            path = (*path, part)
            if is_array and number == len(key) - 1:
                arrays[path] = arrays.get(path, -1) + 1
            if path in arrays:
                path = (*path, arrays[path])
        return path

    def _pair(self, table: KeyPath) -> Iterator[tuple[KeyPath, int]]:
        line = self._line_here()
        path = table
        for part in self._key():
            path = (*path, part)
            yield path, line
        self._skip()
        self._at += 1  # the equals sign
        yield from self._value(path)

    def _key(self) -> KeyPath:
        parts: list[str] = []
        while True:
            self._skip()
            string = _STRING.match(self._text, self._at)
            if string is not None:
                self._at = string.end()
                literal = string["literal"]
                parts.append(_unescape(string["basic"]) if literal is None else literal)
            else:
                bare = _BARE.match(self._text, self._at)
                if bare is None:
                    return tuple(parts)
                self._at = bare.end()
                parts.append(bare[0])
            self._skip()
            if not self._text.startswith(".", self._at):
                return tuple(parts)
            self._at += 1

    def _value(self, path: KeyPath) -> Iterator[tuple[KeyPath, int]]:
        self._skip()
        opening = self._text[self._at : self._at + 1]
        if opening == "[":
            yield from self._array(path)
        elif opening == "{":
            self._at += 1
            while self._skip() and self._text[self._at] != "}":
                if self._text[self._at] == ",":
                    self._at += 1
                else:
                    yield from self._pair(path)
            self._at += 1
        else:
            match = _STRING.match(self._text, self._at) or _SCALAR.match(self._text, self._at)
            self._at = match.end() if match else len(self._text)

    def _array(self, path: KeyPath) -> Iterator[tuple[KeyPath, int]]:
        self._at += 1
        index = 0
        while self._skip() and self._text[self._at] != "]":
            if self._text[self._at] == ",":
                self._at += 1
                continue
            yield (*path, index), self._line_here()
            yield from self._value((*path, index))
            index += 1
        self._at += 1

    def _skip(self) -> bool:
        """Pass over blanks, line ends and comments; False at the end of the text."""
        match = _SPACE.match(self._text, self._at)
        self._at = match.end() if match else self._at
        return self._at < len(self._text)

    def _line_here(self) -> int:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line


def _unescape(quoted: str) -> str:
    if "\\" not in quoted:
        return quoted
    return re.sub(
        r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))",
        lambda m: chr(int(m[1] or m[2], 16)) if m[1] or m[2] else _ESCAPES.get(m[3], m[3]),
        quoted,
    )


_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b"}
