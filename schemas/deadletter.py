"""The `deadletters` topic: what could not be read, why, and where it stands."""

from __future__ import annotations

from schemas.identity import digest
from schemas.record import Record


class DeadLetter(Record):
    """Something a stage could not read, kept so that a person can look at it and send it again.

    `source` is a file path or a topic, `position` a byte offset or `partition:offset`. `raw` is
    the input itself, as text where it is UTF-8 and as base64 where it is not (`encoding`), cut to
    a bounded length (`omitted_bytes` says by how much). `resolved` says that it has been read
    since; such a record comes behind the letter, with its id and without `raw`.
    """

    id: str
    stage: str
    source: str
    position: str
    reason: str
    raw: str = ""
    encoding: str = "utf-8"
    omitted_bytes: int = 0
    resolved: bool = False


def deadletter_id(stage: str, source: str, position: str, reason: str) -> str:
    """Return a dead letter's id: reading the same thing again in vain is the same letter."""
    return digest("deadletter", stage, source, position, reason)
