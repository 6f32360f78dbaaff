"""One day's turns as lines of JSON, merged with what a person added to the file.

A line is the turn's record, then `verdict` (null until it comes), then `verdicts` of further
panels where there are any, then the fields that a person has added to that line. Lines are in the
order (started_ms, id). Lines that are none of our turns, JSON or not, follow in their order.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import orjson

from schemas.turn import Turn

COPY_BYTES = 1 << 20

OUR_FIELDS = frozenset(field.alias or name for name, field in Turn.model_fields.items()) | {
    "verdict",
    "verdicts",
}


@dataclass(slots=True)
class PersonsPart:
    """What in a file is a person's: fields by turn id, and the byte ranges of own lines."""

    fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    ranges: list[tuple[int, int]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.fields or self.ranges)

    def keep(self, start: int, end: int) -> None:
        """Keep the bytes from `start` to `end`; neighbouring lines are one range."""
        if self.ranges and self.ranges[-1][1] == start:
            start = self.ranges.pop()[0]
        self.ranges.append((start, end))


def read_persons_part(file: BinaryIO, day: str, day_of: Callable[[str], str | None]) -> PersonsPart:
    """Find what a person has added to a day's file.

    A line of a turn that belongs to another day is dropped, unless it carries fields of a person:
    then it is kept as a line of theirs. Of a turn that has two lines, the fields of both are kept,
    the first line's where they differ.

    Args:
        file: open for reading, at its start.
        day: the file's day.
        day_of: tells to which day's file a turn id belongs; None for an id that is no turn's.
    """
    part = PersonsPart()
    end = 0
    for line in file:
        start, end = end, end + len(line)
        text = line.removeprefix(codecs.BOM_UTF8) if start == 0 else line
        if not text.strip():
            continue
        try:
            record = orjson.loads(text)
        except orjson.JSONDecodeError:
            record = None
        turn_id = str(record.get("id", "")) if isinstance(record, dict) else ""
        turns_day = day_of(turn_id) if turn_id else None
        if turns_day is None:
            part.keep(start, end)
        elif record.keys() - OUR_FIELDS:
            if turns_day != day:
                part.keep(start, end)
                continue
            # The standard library's reader keeps integers beyond 64 bits as they are.
            added = {k: v for k, v in json.loads(text).items() if k not in OUR_FIELDS}
            part.fields[turn_id] = added | part.fields.get(turn_id, {})
    return part


def one_line(value: bytes) -> bytes:
    """Return a JSON object without line breaks or space around it."""
    value = value.strip()
    if b"\n" in value or b"\r" in value:
        return _dump(json.loads(value))
    return value


def render_line(
    turn: bytes, verdicts: dict[str, Any], panel: str, added: dict[str, Any] | None
) -> bytes:
    """Return a turn's line.

    Args:
        turn: its record on one line; taken over byte for byte.
        verdicts: by panel.
        panel: whose verdict stands under `verdict`.
        added: a person's fields.
    """
    others = {name: verdicts[name] for name in sorted(verdicts) if name != panel}
    parts = [turn[:-1], b',"verdict":', orjson.dumps(verdicts.get(panel))]
    if others:
        parts += [b',"verdicts":', orjson.dumps(others)]
    if added:
        # A newer version of the record may have a field that this one takes for a person's.
        added = {k: v for k, v in added.items() if k not in orjson.loads(turn)}
    if added:
        parts += [b",", _dump(added)[1:-1]]
    return b"".join([*parts, b"}\n"])


def copy_ranges(file: BinaryIO, ranges: list[tuple[int, int]]) -> Iterator[bytes]:
    """Yield the bytes of `ranges`; the last line of each gets its line break if it lacks one."""
    for start, end in ranges:
        file.seek(start)
        left = end - start
        chunk = b"\n"
        while left and (chunk := file.read(min(left, COPY_BYTES))):
            left -= len(chunk)
            yield chunk
        if not chunk.endswith(b"\n"):
            yield b"\n"


def _dump(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
