"""A session's records, written entry by entry as OpenClaw would."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from agents.extract import Explanation, Extracted, Extractor
from schemas import Entry, Origin, Reaction, Turn, line_id, marker_id
from schemas.settings import Extract, Tail
from schemas.table import MemoryTable

START = 1_795_373_900_000
LEAF = "the leaf"
TAIL = Tail(quiet=60, abandoned=21_600)
"""Stands for the last entry, as the parent of a new one."""


class Log:
    """Writes records; the clock goes on one second an entry unless told."""

    def __init__(self, session: str = "s", ids: bool = True) -> None:
        self.session = session
        self.ids = ids
        self.ms = START
        self.offset = 0
        self.count = 0
        self.leaf: str | None = None
        self.records: list[Entry] = []

    def line(self, raw: dict[str, Any]) -> None:
        """Append any object."""
        data = orjson.dumps(raw)
        self.records.append(
            Entry(id=line_id(self.session, data), kind="line", origin=self.origin(), entry=raw)
        )
        self.offset += len(data) + 1

    def origin(self) -> Origin:
        """Return where the next line stands."""
        file = f"agents/main/sessions/{self.session}.jsonl"
        return Origin(agent="main", session=self.session, file=file, inode=1, offset=self.offset)

    def header(self, **fields: Any) -> None:
        """Append the first line."""
        self.line(
            {"type": "session", "version": 3, "id": self.session, "timestamp": self.iso(), **fields}
        )

    def iso(self) -> str:
        """Return the time now as entries have it."""
        stamp = datetime.fromtimestamp(self.ms / 1000, UTC).isoformat(timespec="milliseconds")
        return stamp.replace("+00:00", "Z")

    def entry(
        self,
        kind: str,
        parent: str | None = LEAF,
        after: float = 1.0,
        name: str | None = None,
        **fields: Any,
    ) -> str:
        """Append an entry `after` seconds; return its id."""
        self.ms += round(after * 1000)
        self.count += 1
        name = name or f"{self.session}{self.count:04}"
        raw: dict[str, Any] = {"type": kind}
        if self.ids:
            raw |= {"id": name, "parentId": self.leaf if parent == LEAF else parent}
        self.line({**raw, "timestamp": self.iso(), **fields})
        self.leaf = name
        return name

    def message(self, message: dict[str, Any], **place: Any) -> str:
        """Append a message, begun 10 ms before its entry is written."""
        ms = self.ms + round(place.get("after", 1.0) * 1000) - 10
        return self.entry("message", **place, message={"timestamp": ms, **message})

    def user(self, text: str, extra: dict[str, Any] | None = None, **place: Any) -> str:
        """Append a user message."""
        content = [{"type": "text", "text": text}]
        return self.message({"role": "user", "content": content, **(extra or {})}, **place)

    def call(self, *ids: str, text: str = "", extra: Any = None, **place: Any) -> str:
        """Append an answer that calls `exec` once for each id."""
        blocks: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
        blocks += [
            {"type": "toolCall", "id": one, "name": "exec", "arguments": {"command": f"do {one}"}}
            for one in ids
        ]
        return self.assistant(blocks, "toolUse", extra, **place)

    def answer(self, text: str, extra: Any = None, **place: Any) -> str:
        """Append a last answer."""
        return self.assistant([{"type": "text", "text": text}], "stop", extra, **place)

    def assistant(
        self, content: Any, stop: str = "stop", extra: dict[str, Any] | None = None, **place: Any
    ) -> str:
        """Append an assistant message."""
        message = {
            "role": "assistant",
            "content": content,
            "provider": "fake",
            "model": "fake-1",
            "usage": {"input": 10, "output": 2, "cacheRead": 1, "cost": {"total": 0.5}},
            "stopReason": stop,
        }
        return self.message(message | (extra or {}), **place)

    def result(
        self, call: str, text: str = "ok", extra: dict[str, Any] | None = None, **place: Any
    ) -> str:
        """Append a tool's result."""
        message = {
            "role": "toolResult",
            "toolCallId": call,
            "toolName": "exec",
            "content": [{"type": "text", "text": text}],
            "isError": False,
        }
        return self.message(message | (extra or {}), **place)

    def turn(self, text: str, call: str = "c1", answer: str = "done", **place: Any) -> str:
        """Append a whole turn with one call; return the id of its user message."""
        name = self.user(text, **place)
        self.call(call)
        self.result(call)
        self.answer(answer)
        return name

    def quiet(self, seconds: float = 60.0) -> None:
        """Say that the file has not grown for so long."""
        self.marker("quiet", seconds)

    def ended(self, at_ms: int | None = None) -> None:
        """Say that OpenClaw closed the session, and when if its file's name tells."""
        self.marker("ended", None, at_ms)

    def marker(self, kind: Any, seconds: float | None, at_ms: int | None = None) -> None:
        """Append a marker."""
        origin = self.origin()
        name = marker_id(kind, origin, seconds)
        self.records.append(
            Entry(id=name, kind=kind, origin=origin, quiet_seconds=seconds, at_ms=at_ms)
        )

    def run(self, settings: Extract | None = None) -> Run:
        """Apply all records to a new table."""
        return Run(self.records, settings)


class Run:
    """What a row of records gives."""

    def __init__(self, records: list[Entry], settings: Extract | None = None) -> None:
        self.explained: list[Explanation] = []
        self.table = MemoryTable()
        extractor = Extractor(settings, TAIL, self.explained.append)
        self.found: list[Extracted] = []
        for record in records:
            self.found += extractor.apply(record, self.table)

    @property
    def turns(self) -> list[Turn]:
        """The turns, in order."""
        return [one for one in self.found if isinstance(one, Turn)]

    @property
    def reactions(self) -> list[Reaction]:
        """The reactions, in order."""
        return [one for one in self.found if isinstance(one, Reaction)]

    @property
    def reasons(self) -> list[str]:
        """Why things were not extracted."""
        return [one.reason for one in self.explained]


def outputs(found: list[Extracted]) -> set[tuple[str, str, bytes]]:
    """Return outputs as a set, to compare them by id and bytes."""
    return {(type(one).__name__, one.id, one.to_bytes()) for one in found}
