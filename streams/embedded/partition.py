"""One partition's end and its records, within a transaction of the log.

A partition is known here by the number of its row; a record's row id is that number and the
record's offset in one integer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from streams.embedded.database import OFFSET_BITS
from streams.embedded.records import Record, decode_headers

#: Records between two rows of the sparse time index.
_MARK_EVERY = 512

_READ = (
    "SELECT id, time_ms, key, value, headers FROM records"
    " WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"
)


class Tail:
    """The end of one partition within one append."""

    def __init__(self, connection: sqlite3.Connection, number: int) -> None:
        self.number = number
        self.base = number << OFFSET_BITS
        self.next, self.bytes, self.latest_ms, self.marked = connection.execute(
            "SELECT next, bytes, latest_ms, marked FROM partitions WHERE id = ?", (number,)
        ).fetchone()
        self._marks: list[tuple[int, int, int]] = []

    def add(self, time_ms: int, size: int) -> int:
        """Place one record; its offset."""
        offset: int = self.next
        if offset - self.marked >= _MARK_EVERY:
            self.marked = offset
            self._marks.append((self.number, offset, self.latest_ms))
        self.next = offset + 1
        self.bytes += size
        if time_ms > self.latest_ms:
            self.latest_ms = time_ms
        return offset

    def store(self, connection: sqlite3.Connection) -> None:
        """Write down where the partition now ends."""
        connection.execute(
            "UPDATE partitions SET next = ?, bytes = ?, latest_ms = ?, marked = ? WHERE id = ?",
            (self.next, self.bytes, self.latest_ms, self.marked, self.number),
        )
        if self._marks:
            connection.executemany("INSERT INTO marks VALUES (?, ?, ?)", self._marks)


def bounds(connection: sqlite3.Connection, ids: Iterable[int]) -> dict[int, tuple[int, int]]:
    """Low water and high water of each partition that there is."""
    numbers = list(ids)
    holes = ", ".join("?" * len(numbers))
    rows = connection.execute(
        f"SELECT id, low, next FROM partitions WHERE id IN ({holes})", numbers
    )
    return {number: (low, high) for number, low, high in rows}


def read(
    connection: sqlite3.Connection, base: int, offset: int, max_records: int, max_bytes: int
) -> tuple[list[Record], int]:
    """Records of one partition from an offset on, at least one if there is any, and their bytes."""
    records: list[Record] = []
    size = 0
    rows = connection.execute(
        _READ, (base | max(offset, 0), base + (1 << OFFSET_BITS), max_records)
    )
    for number, time_ms, key, value, headers in rows:
        size += len(key or b"") + len(value or b"") + len(headers or b"")
        if records and size > max_bytes:
            # Ends the read; left open it would hold the write-ahead log back.
            rows.close()
            break
        records.append(
            Record(number - base, time_ms, key, value, decode_headers(headers) if headers else ())
        )
    return records, size
