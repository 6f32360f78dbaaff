"""The `entries` topic: one raw log line, or what the file system says about a session."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Literal

from pydantic import Field

from schemas.identity import ID_BYTES, digest
from schemas.record import Part, Record


class Origin(Part):
    """Where a line stands.

    `file` is the transcript's own path below its state directory, without the `.reset.<ts>`,
    `.deleted.<ts>` or `.bak.<ts>` that OpenClaw appends on renaming: the line did not change when
    its file was renamed. `inode` and `offset` (bytes) say where it was read.
    """

    agent: str
    session: str
    file: str
    inode: int
    offset: int


class Entry(Record):
    """One record of `entries`, keyed by session so that a session stays in order.

    A `line` carries one parsed JSONL line. `quiet` says that the file has not grown for
    `quiet_seconds` and that every line of it stands before this record; `ended` says that
    OpenClaw closed the session (`/new`, reset, delete), `at_ms` when (epoch milliseconds, where the
    file's name tells). Both come from the tailer, the only stage
    that sees the files, so that all stages behind it are functions of the topic alone and replay
    to the same turns whatever the clock says.

    `redacted` counts by kind what was replaced in the line before it came here
    (`schemas.redaction`); it is left out where nothing was.
    """

    id: str
    kind: Literal["line", "quiet", "ended"]
    origin: Origin
    entry: dict[str, Any] | None = None
    quiet_seconds: float | None = None
    at_ms: int | None = Field(None, exclude_if=lambda at: at is None)
    redacted: dict[str, int] = Field({}, exclude_if=lambda counts: not counts)


def line_id(session: str, line: bytes) -> str:
    """Return the id of a line: a rewritten or re-read file gives its lines the same ids again.

    Hashes the bytes as they are, unlike other ids: a backlog has gigabytes of lines. A session id
    holds no NUL, so that no two pairs of session and line are the same bytes.
    """
    return blake2b(
        b"%s\0%s" % (session.encode(), line), digest_size=ID_BYTES, person=b"clawback line"
    ).hexdigest()


def marker_id(kind: str, origin: Origin, quiet_seconds: float | None = None) -> str:
    """Return the id of a `quiet` or `ended` marker, which stands at the end of what was read."""
    return digest(kind, origin.session, origin.offset, quiet_seconds)
