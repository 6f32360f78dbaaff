"""OpenClaw's session entries, as every version since 2025 has written them.

A transcript is one JSON object a line. The models take what they know and pass over the rest:
a field that is missing or new is no mistake, a type, role or block that is not known becomes an
`Unknown...` that keeps what was read. Only what is known by name and yet unusable (a message
without a body, a tool result that is a number) is an error, and the error says which field.

Versions: 1 has no ids and is read in the order of its lines; 2 and 3 make a tree (`id`,
`parentId`); 4 (OpenClaw 2026.9) is the same shape kept in SQLite rows.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import PlainValidator, ValidationError

from schemas.openclaw_messages import (
    BrokenEntryError,
    Content,
    Message,
    Millis,
    Shape,
    parse_message,
    where,
)

_FILE_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d)-(\d\d)-(\d\d)(?:[.-](\d{3}))?Z")


class EntryShape(Shape):
    """What all entries have. `id` and `parent_id` are missing in version 1."""

    type: Any = None
    id: str | None = None
    parent_id: str | None = None
    timestamp: Millis = None


class Header(EntryShape):
    """The first line. `parent_session` is set in forks and in what compaction continues in."""

    version: Any = 1
    parent_session: str | None = None


class MessageEntry(EntryShape):
    """A message of the conversation."""

    message: Annotated[Message, PlainValidator(parse_message)]


class CompactionEntry(EntryShape):
    """Everything before the first kept entry left the context; `summary` stands for it.

    Version 1 names the kept entry by its index among the file's lines (the header is 0).
    """

    summary: str | None = None
    first_kept_entry_id: str | None = None
    first_kept_entry_index: int | None = None


class BranchSummaryEntry(EntryShape):
    """What the model is told of a branch that was left."""

    summary: str | None = None


class CustomMessageEntry(EntryShape):
    """Text an extension put into the model's context."""

    custom_type: str | None = None
    content: Content = ()


class LeafEntry(EntryShape):
    """A control record: the conversation goes on from `target_id`."""

    target_id: str | None = None


class ResetEntry(EntryShape):
    """The conversation starts afresh here, but for what is kept."""

    first_kept_entry_id: str | None = None


class OtherEntry(EntryShape):
    """An entry that is in the tree and says nothing to the model: model_change,
    thinking_level_change, custom, label, session_info."""


class UnknownEntry(EntryShape):
    """An entry of a type this version does not know; `raw` is all of it."""

    raw: dict[str, Any]


OpenClawEntry = (
    Header
    | MessageEntry
    | CompactionEntry
    | BranchSummaryEntry
    | CustomMessageEntry
    | LeafEntry
    | ResetEntry
    | OtherEntry
    | UnknownEntry
)

_ENTRIES: dict[Any, type[EntryShape]] = {
    "session": Header,
    "message": MessageEntry,
    "compaction": CompactionEntry,
    "branch_summary": BranchSummaryEntry,
    "custom_message": CustomMessageEntry,
    "leaf": LeafEntry,
    "reset": ResetEntry,
    "model_change": OtherEntry,
    "thinking_level_change": OtherEntry,
    "custom": OtherEntry,
    "label": OtherEntry,
    "session_info": OtherEntry,
}


def file_time_ms(text: str) -> int | None:
    """Return a time as OpenClaw writes it into file names (`2026-11-22T18-58-41.591Z`) in epoch
    milliseconds, or None where it is none."""
    match = _FILE_TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, ms = (int(part or 0) for part in match.groups())
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return int(moment.timestamp()) * 1000 + ms


def parse_entry(raw: dict[str, Any]) -> OpenClawEntry:
    """Return one line's entry. A type that is not known is kept, not refused.

    Raises:
        BrokenEntryError: a type that is known has unusable fields.
    """
    kind = raw.get("type")
    model = _ENTRIES.get(kind) if isinstance(kind, str) else None
    try:
        if model is None:
            return UnknownEntry.model_validate({**raw, "raw": raw})
        return model.model_validate(raw)  # type: ignore[return-value]
    except ValidationError as error:
        raise BrokenEntryError(where("", error)) from None
