"""Keeping of a compact topic only the newest record of each key, as table changelogs need it."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from streams.embedded.database import OFFSET_BITS
from streams.embedded.locks import FileLock
from streams.embedded.log import Log
from streams.embedded.retention import enforce_retention

#: A deleted key's tombstone stays this long, for tables that catch up late: seven days.
TOMBSTONE_MS = 7 * 24 * 3600 * 1000

#: Records deleted in one transaction; writers get their turn between two.
_CHUNK = 500

_DUE = (
    "SELECT partitions.id, next FROM partitions JOIN topics ON topics.id = topic"
    " WHERE compact AND next - compacted >= max(kept * ?, ?)"
)

_NEWEST = (
    "CREATE TEMP TABLE newest AS SELECT max(id) AS id FROM records"
    " WHERE id >= ? AND id < ? AND key IS NOT NULL GROUP BY key"
)

_DOOMED = (
    "CREATE TEMP TABLE doomed AS SELECT id FROM records WHERE id >= ? AND id < ?"
    " AND key IS NOT NULL AND (id NOT IN (SELECT id FROM newest)"
    " OR value IS NULL AND time_ms < ? AND id < ?)"
)


def compact(log: Log, now_ms: int, *, min_dirty: int = 1000, dirty_ratio: float = 1.0) -> int:
    """Delete from compact topics each record that a later one of its key replaces.

    Offsets stay as they are, with gaps. The last record of a partition always stays, even if it is
    a tombstone: a table that recovers reads until it has seen the offset before the high water.
    Records without a key stay too.

    Args:
        now_ms: milliseconds since the epoch; decides which tombstones are old enough.
        min_dirty: new records a partition must have to be looked at.
        dirty_ratio: how many it must have for each that its last compaction left; 1 keeps the
            work in proportion to what is written.

    Returns:
        How many records were deleted.
    """
    with log.database.reading() as connection:
        due = connection.execute(_DUE, (dirty_ratio, min_dirty)).fetchall()
    return sum(_compact(log, number, end, now_ms - TOMBSTONE_MS) for number, end in due)


def _compact(log: Log, number: int, end: int, cutoff_ms: int) -> int:
    base = number << OFFSET_BITS
    # Found without the writers' lock: what is appended meanwhile only makes more obsolete. In a
    # connection of its own, as this may take a second and readers share theirs.
    with closing(log.database.connect()) as connection:
        connection.execute(_NEWEST, (base, base | end))
        connection.execute(_DOOMED, (base, base | end, cutoff_ms, base | (end - 1)))
        (doomed,) = connection.execute("SELECT count(*) FROM doomed").fetchone()
        # In offset order, so that stopping midway never brings back what a tombstone deleted.
        rows = connection.execute("SELECT id FROM doomed ORDER BY id")
        while ids := [row[0] for row in rows.fetchmany(_CHUNK)]:
            with log.database.writing() as writer:
                _delete(writer, number, ids)
    with log.database.writing() as writer:
        (kept,) = writer.execute(
            "SELECT count(*) FROM records WHERE id >= ? AND id < ?", (base, base | end)
        ).fetchone()
        writer.execute(
            "UPDATE partitions SET compacted = ?, kept = ? WHERE id = ?", (end, kept, number)
        )
    return int(doomed)


def _delete(connection: sqlite3.Connection, number: int, ids: list[int]) -> None:
    holes = ", ".join("?" * len(ids))
    (freed,) = connection.execute(
        "SELECT sum(coalesce(length(key), 0) + coalesce(length(value), 0)"
        f" + coalesce(length(headers), 0)) FROM records WHERE id IN ({holes})",
        ids,
    ).fetchone()
    connection.execute(f"DELETE FROM records WHERE id IN ({holes})", ids)
    connection.execute("UPDATE partitions SET bytes = bytes - ? WHERE id = ?", (freed or 0, number))


def maintain(log: Log, now_ms: int) -> int:
    """Retention and compaction, unless another process is at it; how many records were deleted."""
    lock = FileLock(log.database.side / "maintenance.lock")
    try:
        if not lock.try_acquire():
            return 0
        return enforce_retention(log, now_ms) + compact(log, now_ms)
    finally:
        lock.close()
