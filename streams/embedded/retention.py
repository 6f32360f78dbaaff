"""Deleting what is older or more than a topic is to keep. Topics keep everything unless told."""

from __future__ import annotations

import sqlite3

from streams.embedded.database import OFFSET_BITS
from streams.embedded.log import Log

#: Records deleted in one transaction; writers get their turn between two.
_CHUNK = 1000

_SIZE = "coalesce(length(key), 0) + coalesce(length(value), 0) + coalesce(length(headers), 0)"

_LIMITED = (
    "SELECT partitions.id, retention_ms, retention_bytes FROM partitions"
    " JOIN topics ON topics.id = topic"
    " WHERE NOT compact AND (retention_ms >= 0 OR retention_bytes >= 0)"
)


def enforce_retention(log: Log, now_ms: int) -> int:
    """Delete from the start of each partition what its topic's limits no longer allow.

    By time: up to the first record that is young enough, even if older ones come after it. By
    size: the oldest until the rest fits. The space is used again, the file does not shrink.

    Args:
        now_ms: milliseconds since the epoch.

    Returns:
        How many records were deleted.
    """
    with log.database.reading() as connection:
        limited = connection.execute(_LIMITED).fetchall()
    deleted = 0
    for partition, retention_ms, retention_bytes in limited:
        cutoff_ms = now_ms - retention_ms if retention_ms >= 0 else None
        limit = retention_bytes if retention_bytes >= 0 else None
        while True:
            with log.database.writing() as connection:
                count = _delete_some(connection, partition, cutoff_ms, limit)
            deleted += count
            if count < _CHUNK:
                break
    return deleted


def _delete_some(
    connection: sqlite3.Connection, partition: int, cutoff_ms: int | None, limit: int | None
) -> int:
    base = partition << OFFSET_BITS
    low, size = connection.execute(
        "SELECT low, bytes FROM partitions WHERE id = ?", (partition,)
    ).fetchone()
    oldest = connection.execute(
        f"SELECT id, time_ms, {_SIZE} FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
        (base | low, base + (1 << OFFSET_BITS), _CHUNK),
    ).fetchall()
    count = 0
    for number, time_ms, weight in oldest:
        too_old = cutoff_ms is not None and time_ms < cutoff_ms
        too_much = limit is not None and size > limit
        if not (too_old or too_much):
            break
        count += 1
        size -= weight
        low = number - base + 1
    if count:
        connection.execute("DELETE FROM records WHERE id >= ? AND id < ?", (base, base | low))
        connection.execute(
            "UPDATE partitions SET low = ?, bytes = ? WHERE id = ?", (low, size, partition)
        )
        connection.execute("DELETE FROM marks WHERE partition = ? AND offset < ?", (partition, low))
    return count
