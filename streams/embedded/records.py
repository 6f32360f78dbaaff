"""What the log stores and what it refuses."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

#: A topic's name and a partition's number. Faust's ``TP`` is equal to it and hashes alike.
Partition = tuple[str, int]

#: Headers in their order; a name may occur twice.
Headers = tuple[tuple[str, bytes], ...]

#: 8 MiB of value, and room for its key and headers.
MAX_RECORD_BYTES = 8 * 1024 * 1024 + 64 * 1024

_LENGTHS = struct.Struct(">II")


class Entry(NamedTuple):
    """One record to append; ``time_ms`` is milliseconds since the epoch."""

    topic: str
    partition: int
    time_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Record(NamedTuple):
    """One record as read; a ``None`` value is a tombstone."""

    offset: int
    time_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Topic(NamedTuple):
    """A topic as it was declared.

    ``retention_ms`` and ``retention_bytes`` (of one partition) are -1 for no limit. A ``compact``
    topic keeps the newest record of each key.
    """

    name: str
    partitions: int
    retention_ms: int = -1
    retention_bytes: int = -1
    compact: bool = False


class Lag(NamedTuple):
    """How far a group has come in one partition; ``committed`` is None before its first commit."""

    committed: int | None
    low_water: int
    high_water: int

    @property
    def records(self) -> int:
        """Offsets not yet committed that are still in the log."""
        return self.high_water - max(self.committed or 0, self.low_water)


class LogError(Exception):
    """The log could not do what it was asked."""


class UnknownTopic(LogError):
    """No such topic, or no such partition of it."""


class RecordTooLarge(LogError):
    """A record's key, value and headers together are larger than the log's limit."""


class LogFull(LogError):
    """No space is left on the device; nothing of the append was kept."""


class StaleGeneration(LogError):
    """A commit from a group member that another has replaced."""


def encode_headers(headers: Iterable[tuple[str, bytes]]) -> bytes | None:
    """Headers as one blob: for each its two lengths (big endian, 32 bits), name and value."""
    parts: list[bytes] = []
    for name, value in headers:
        encoded = name.encode()
        parts += (_LENGTHS.pack(len(encoded), len(value)), encoded, value)
    return b"".join(parts) or None


def decode_headers(blob: bytes | None) -> Headers:
    """The headers that `encode_headers` wrote."""
    if not blob:
        return ()
    headers: list[tuple[str, bytes]] = []
    at = 0
    while at < len(blob):
        names, values = _LENGTHS.unpack_from(blob, at)
        at += _LENGTHS.size
        headers.append((blob[at : at + names].decode(), blob[at + names : at + names + values]))
        at += names + values
    return tuple(headers)
