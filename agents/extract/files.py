"""Turns of one session file, without a broker."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from agents.extract.explain import Explanation
from agents.extract.extractor import Extractor
from schemas.deadletter import DeadLetter, deadletter_id
from schemas.entry import Origin, line_id, marker_id
from schemas.openclaw import file_time_ms
from schemas.reaction import Reaction
from schemas.settings import Extract, Tail
from schemas.table import MemoryTable, Table
from schemas.turn import Turn

_ARCHIVED = re.compile(
    r"\.(reset|deleted|bak)\.(\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}(?:\.\d{3})?Z)$"
)
_TOPIC = re.compile(r"-topic-[^/]*$")
_FORK = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}-\d{3}Z_")
_LETTER_BYTES: Final = 64_000


class FileExtract(NamedTuple):
    """All that one file gave. The records come in the order in which they arose."""

    turns: tuple[Turn, ...]
    reactions: tuple[Reaction, ...]
    deadletters: tuple[DeadLetter, ...]
    explanations: tuple[Explanation, ...]


def extract_file(
    path: Path,
    settings: Extract | None = None,
    tail: Tail | None = None,
    agent: str | None = None,
    session: str | None = None,
) -> FileExtract:
    """Read a session file to its end and return its turns; its end counts as a long silence.

    Args:
        path: A transcript, also one that OpenClaw has renamed to `.reset.<time>` and the like.
        settings: How much of contexts and results is kept.
        tail: What counts as silence between two entries.
        agent: Whose session it is; else the folder above `sessions`.
        session: Its id; else from the file's name.
    """
    archived = _ARCHIVED.search(path.name)
    stem = path.name[: archived.start()] if archived else path.name
    origin = {
        "agent": agent or _agent(path),
        "session": session or session_of(stem),
        "file": _place(path, stem),
        "inode": 0,
        "offset": 0,
    }
    explanations: list[Explanation] = []
    table: Table = MemoryTable()
    tail = tail or Tail()
    extractor = Extractor(settings, tail, explanations.append)
    found: list[Turn | Reaction | DeadLetter] = []
    offset = 0
    for offset, line in _lines(path):
        origin["offset"] = offset
        entry = _parsed(line)
        if isinstance(entry, str):
            found.append(_unreadable(str(origin["file"]), offset, line, entry))
        elif entry is not None:
            name = line_id(str(origin["session"]), line)
            record = {"id": name, "kind": "line", "origin": dict(origin), "entry": entry}
            found += extractor.apply_record(record, table)
    kind = "ended" if archived and archived[1] != "bak" else "quiet"
    marker = {
        "id": marker_id(kind, Origin.model_validate(origin), tail.abandoned),
        "kind": kind,
        "origin": origin,
        "quiet_seconds": tail.abandoned,
        "at_ms": file_time_ms(archived[2]) if archived and kind == "ended" else None,
    }
    found += extractor.apply_record(marker, table)
    extractor.leftover(str(origin["session"]), str(origin["file"]), table)
    return FileExtract(
        tuple(one for one in found if isinstance(one, Turn)),
        tuple(one for one in found if isinstance(one, Reaction)),
        tuple(one for one in found if isinstance(one, DeadLetter)),
        tuple(explanations),
    )


def session_of(name: str) -> str:
    """Return the session id in a transcript's name: `<id>.jsonl`, `<id>-topic-<thread>.jsonl`,
    `<time>_<id>.jsonl`."""
    stem = name.removesuffix(".jsonl")
    return _FORK.sub("", _TOPIC.sub("", stem))


def _agent(path: Path) -> str:
    folder = path.absolute().parent
    return folder.parent.name if folder.name == "sessions" else "main"


def _place(path: Path, name: str) -> str:
    """Return a transcript's path below its state directory, or as given where there is none."""
    folder = path.absolute().parent
    if folder.name == "sessions" and folder.parent.parent.name == "agents":
        return f"agents/{folder.parent.name}/sessions/{name}"
    return str(path.parent / name)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield each line without its end, and the byte it starts at."""
    offset = 0
    with path.open("rb") as file:
        for line in file:
            yield offset, line.rstrip(b"\r\n")
            offset += len(line)


def _parsed(line: bytes) -> dict[str, Any] | str | None:
    """Return a line's object, None for an empty line, or why it has none."""
    if not line.strip():
        return None
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return f"invalid JSON: {error}"
    return entry if isinstance(entry, dict) else "not a JSON object"


def _unreadable(file: str, offset: int, line: bytes, reason: str) -> DeadLetter:
    kept = line[:_LETTER_BYTES]
    try:
        raw, encoding = kept.decode(), "utf-8"
    except UnicodeDecodeError:
        raw, encoding = base64.b64encode(kept).decode(), "base64"
    return DeadLetter(
        id=deadletter_id("extract", file, str(offset), reason),
        stage="extract",
        source=file,
        position=str(offset),
        reason=reason,
        raw=raw,
        encoding=encoding,
        omitted_bytes=len(line) - len(kept),
    )
