"""Bytes into lines, and lines into JSON that every reader behind the tailer can read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, NoReturn

import orjson

from schemas import well_formed

HEAD_BYTES = 64 * 1024
"""How much is kept of a line that is too long to be a record."""

MAX_DEPTH = 180
"""Deepest nesting of a line: pydantic refuses 200, and the record around it adds its own."""

_LONE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class Line(NamedTuple):
    """One complete line: `size` bytes of the file from `offset`, the LF among them.

    `data` is the line without its LF; of a line longer than the limit only the first
    `HEAD_BYTES` (`whole` is False).
    """

    offset: int
    size: int
    data: bytes
    whole: bool = True


class Unreadable(Exception):
    """The line is no JSON object; the message says why."""


def split(
    read: Callable[[int, int], bytes], offset: int, *, chunk: int, slice_bytes: int, max_line: int
) -> Iterator[Line]:
    """Yield the complete lines that start at `offset` and after it.

    Stops at the end of the file, or when `slice_bytes` have been read and a line was among them.
    What follows the last LF is not yielded: its writer has not finished.

    Args:
        read: ``read(size, position)`` returns at most `size` bytes, none at the end of the file.
        offset: where a line starts.
        chunk: bytes asked for at a time; with `max_line` the bound of the memory used.
        slice_bytes: about how many bytes to go through.
        max_line: longest line, without its LF, that is returned whole.
    """
    start = position = offset
    held: list[bytes] = []
    length = 0
    found = False
    while data := read(chunk, position):
        position += len(data)
        at = 0
        while (end := data.find(b"\n", at)) >= 0:
            length += end - at
            held.append(data[at:end])
            whole = length <= max_line
            line = b"".join(held) if len(held) > 1 else held[0]
            yield Line(start, length + 1, line if whole else line[:HEAD_BYTES], whole)
            found = True
            start += length + 1
            held.clear()
            length = 0
            at = end + 1
        if at < len(data):
            length += len(data) - at
            held.append(data[at:])
            if length > max_line:
                held = [b"".join(held)[:HEAD_BYTES]]
        if found and position - offset >= slice_bytes:
            return


def clean(line: Line) -> Line:
    """Return the line without what is not its text: a CR at its end, NULs before it.

    A run of NULs is what a file system leaves where a file grew but its data was never written.
    """
    if line.data[:1] == b"{" and line.data[-1:] == b"}":
        return line
    data = line.data.rstrip(b"\r")
    text = data.lstrip(b"\0")
    return line._replace(offset=line.offset + len(data) - len(text), data=text)


def parse(line: bytes) -> bytes:
    """Return the line as JSON that any reader takes: the line itself if it is such.

    JavaScript cuts strings between the halves of a surrogate pair and escapes the half, which is
    no valid Unicode. Such a half becomes U+FFFD.

    Raises:
        Unreadable: it is no JSON object, or nested deeper than `MAX_DEPTH`.
    """
    try:
        value = orjson.loads(line)
        text = line
    except orjson.JSONDecodeError as error:
        if not _LONE_SURROGATE.search(line):
            raise Unreadable(f"not valid JSON: {error}") from None
        value = well_formed(_loads(line))
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    if type(value) is not dict:
        raise Unreadable(f"a JSON {type(value).__name__}, not an object")
    # Counting brackets costs next to nothing and spares nearly every line the walk.
    if line.count(b"{") + line.count(b"[") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise Unreadable(f"nested deeper than {MAX_DEPTH}")
    return text


def _loads(line: bytes) -> Any:
    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is no JSON")

    try:
        return json.loads(line.decode(), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not valid JSON: {error}") from None


def _depth(value: Any) -> int:
    depth = 0
    level = [value]
    while level and depth <= MAX_DEPTH:
        depth += 1
        inner = [
            item
            for outer in level
            for item in (outer.values() if isinstance(outer, dict) else outer)
        ]
        level = [item for item in inner if isinstance(item, (dict, list))]
    return depth
