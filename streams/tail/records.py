"""The records of one transcript: its lines, its markers, its dead letters."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import Literal

import orjson

from schemas import DeadLetter, Entry, Origin, deadletter_id, line_id, marker_id
from schemas.topics import DEADLETTERS, ENTRIES
from streams.flow import Outgoing
from streams.tail.guard import Guard
from streams.tail.lines import HEAD_BYTES, Line, Unreadable, parse
from streams.tail.lines import clean as text_of

STAGE = "tail"

BLOCK_BYTES = 64 * 1024
"""Lines that are looked at together for secrets, about this many bytes of them."""


class Records:
    """Makes the records of one file.

    Args:
        source: the transcript's absolute path, for dead letters.
        file: its path below the state directory.
        agent: whose directory it lies in.
        session: the session it belongs to.
        inode: of the file that is read.
        guard: decides what of a line may pass. None lets everything pass, and is right only where
            nothing goes on to a topic.
    """

    def __init__(
        self,
        *,
        source: str,
        file: str,
        agent: str,
        session: str,
        inode: int,
        guard: Guard | None = None,
    ) -> None:
        self._guard = guard
        self._source = source
        self._origin = Origin(agent=agent, session=session, file=file, inode=inode, offset=0)
        self._session = session
        self._key = session.encode()
        # Everything of the JSON but id, offset and entry is the same for each line of the file.
        head = orjson.dumps({"agent": agent, "session": session, "file": file, "inode": inode})
        self._origin_json = b'","kind":"line","origin":' + head[:-1] + b',"offset":'

    @property
    def forgotten(self) -> bool:
        """Whether the session is forgotten: it has no records, and no markers either."""
        return self._guard is not None and self._guard.forgets(self._session)

    def of_lines(self, lines: Sequence[Line], max_line: int) -> Iterator[Outgoing]:
        """Yield the records of lines, as `of_line` makes them."""
        for block in _blocks(lines):
            clean = self._guard is None or self._guard.passes([line.data for line in block])
            for line in block:
                record = self.of_line(line, max_line, clean=clean)
                if record is not None:
                    yield record

    def of_line(self, line: Line, max_line: int, *, clean: bool = False) -> Outgoing | None:
        """Return the record of a line: an entry, a dead letter, or None where it is blank or
        forgotten. One that is `clean` is known to hold nothing that must be replaced."""
        if self.forgotten:
            return None
        if not line.whole:
            return self.dead(line, too_long(max_line))
        line = text_of(line)
        if not line.data or line.data.isspace():
            return None
        counts: dict[str, int] = {}
        if self._guard is not None and not clean:
            passed = self._guard.line(line.data)
            # The id comes from what has passed: hashed with the secret in it, a line of which all
            # but a weak password is known would be a way to try passwords out.
            line, counts = line._replace(data=passed.data), passed.counts
        try:
            entry = parse(line.data)
        except Unreadable as error:
            return self.dead(line, str(error))
        if self._guard is not None and self._guard.forgets_line(entry):
            return None
        # As Entry.to_bytes() would write it, but with the line as it stands: building the model
        # and serialising it again costs several times what reading the line does.
        value = b'{"schema":1,"id":"%s%s%d},"entry":%s,"quiet_seconds":null%s}' % (
            line_id(self._session, line.data).encode(),
            self._origin_json,
            line.offset,
            entry,
            b',"redacted":%s' % orjson.dumps(counts) if counts else b"",
        )
        return Outgoing(ENTRIES, self._key, value)

    def marker(
        self,
        kind: Literal["quiet", "ended"],
        offset: int,
        quiet_seconds: float | None = None,
        at_ms: int | None = None,
    ) -> Outgoing:
        """Return the marker that stands behind the file's lines, at `offset`."""
        origin = self._origin.model_copy(update={"offset": offset})
        entry = Entry(
            id=marker_id(kind, origin, quiet_seconds),
            kind=kind,
            origin=origin,
            quiet_seconds=quiet_seconds,
            at_ms=at_ms,
        )
        return Outgoing(ENTRIES, self._key, entry.to_bytes())

    def dead(self, line: Line, reason: str, keep: int = HEAD_BYTES) -> Outgoing:
        """Return the dead letter of a line, with its first bytes, at most `keep` of them."""
        size = line.size - 1 if not line.whole else len(line.data)
        head = line.data[:keep]
        if self._guard is not None:
            head = self._guard.text(head, cut=size > len(head))
        try:
            raw, encoding = _text(head, cut=size > len(head)), "utf-8"
        except UnicodeDecodeError:
            raw, encoding = b64encode(head).decode(), "base64"
        position = str(line.offset)
        kept = len(raw.encode()) if encoding == "utf-8" else len(head)
        letter = DeadLetter(
            id=deadletter_id(STAGE, self._source, position, reason),
            stage=STAGE,
            source=self._source,
            position=position,
            reason=reason,
            raw=raw,
            encoding=encoding,
            omitted_bytes=max(0, size - kept),
        )
        return Outgoing(DEADLETTERS, self._source.encode("utf-8", "replace"), letter.to_bytes())


def too_long(max_line: int) -> str:
    """Return why a line that is too long can't be read."""
    return f"longer than {max_line} bytes (tail.max_line_bytes)"


def _blocks(lines: Sequence[Line]) -> Iterator[list[Line]]:
    block: list[Line] = []
    size = 0
    for line in lines:
        block.append(line)
        size += len(line.data)
        if size >= BLOCK_BYTES:
            yield block
            block, size = [], 0
    if block:
        yield block


def line_of(value: bytes) -> bytes | None:
    """Return the log line within an entry's record, byte for byte; None if it is a marker."""
    if b'"kind":"line"' not in value[: value.find(b'},"entry":')]:
        return None
    end = value.rfind(b',"quiet_seconds":null')
    return value[value.find(b'},"entry":') + len(b'},"entry":') : end]


def _text(data: bytes, *, cut: bool) -> str:
    """Decode UTF-8; where it was `cut`, the last character may be incomplete and is left out."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        if cut and error.start >= len(data) - 3 and error.reason == "unexpected end of data":
            return data[: error.start].decode()
        raise
