"""Removing records from the embedded log so that none of their bytes is left in its files.

A deleted row's bytes stay in free pages and in the unused parts of pages, also in those that
SQLite once moved rows out of, and in the write-ahead log. So the file is written anew, and the
write-ahead log emptied. What the disk itself keeps of overwritten blocks is beyond a program.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from streams.embedded.database import OFFSET_BITS
from streams.embedded.log import Log
from streams.embedded.records import LogError, Partition

_CHUNK = 500

_WEIGHT = "coalesce(length(key), 0) + coalesce(length(value), 0) + coalesce(length(headers), 0)"


def rewrite(log: Log, doomed: Mapping[Partition, Sequence[int]], replayed: Sequence[str]) -> None:
    """Delete records, and have some consumer groups read everything again.

    Nobody else may have the log open, and no table that was computed from it be kept: what comes
    next may get the offset of a record that was deleted. Needs free space of the log's size.

    Args:
        doomed: the offsets to be deleted.
        replayed: names of groups whose offsets are forgotten.

    Raises:
        LogError: it could not be done; the records may still be there, and it can be tried again.
    """
    try:
        with closing(log.database.connect()) as connection, _temporary_files(log.path.parent):
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("BEGIN IMMEDIATE")
            for (topic, number), offsets in doomed.items():
                (partition,) = connection.execute(
                    "SELECT partitions.id FROM partitions JOIN topics ON topics.id = topic"
                    " WHERE name = ? AND number = ?",
                    (topic, number),
                ).fetchone()
                _delete(connection, partition, offsets)
                _end_behind_last(connection, partition)
            for group in replayed:
                connection.execute("DELETE FROM commits WHERE name = ?", (group,))
            connection.execute("COMMIT")
            connection.execute("VACUUM")
            busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        raise LogError(f"can't rewrite {log.path}: {error}") from error
    if busy:
        raise LogError(f"{log.path} is in use; stop what reads it and forget once more")


@contextmanager
def _temporary_files(folder: Path) -> Iterator[None]:
    """Have SQLite put the copy that it works with beside the log, not in a common directory."""
    before = os.environ.get("SQLITE_TMPDIR")
    os.environ["SQLITE_TMPDIR"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["SQLITE_TMPDIR"]
        else:
            os.environ["SQLITE_TMPDIR"] = before


def _delete(connection: sqlite3.Connection, partition: int, offsets: Sequence[int]) -> None:
    ids = [partition << OFFSET_BITS | offset for offset in offsets]
    for at in range(0, len(ids), _CHUNK):
        chunk = ids[at : at + _CHUNK]
        holes = ", ".join("?" * len(chunk))
        (freed,) = connection.execute(
            f"SELECT sum({_WEIGHT}) FROM records WHERE id IN ({holes})", chunk
        ).fetchone()
        connection.execute(f"DELETE FROM records WHERE id IN ({holes})", chunk)
        connection.execute(
            "UPDATE partitions SET bytes = bytes - ? WHERE id = ?", (freed or 0, partition)
        )


def _end_behind_last(connection: sqlite3.Connection, partition: int) -> None:
    """End the partition behind its last record again, and have no group be further than that.

    A group that has not read so far would wait for ever for records that are gone. The next
    record gets the offset of one of them, which nothing remembers: tables are built anew.
    """
    base = partition << OFFSET_BITS
    (last,) = connection.execute(
        "SELECT max(id) FROM records WHERE id >= ? AND id < ?", (base, base + (1 << OFFSET_BITS))
    ).fetchone()
    (low,) = connection.execute("SELECT low FROM partitions WHERE id = ?", (partition,)).fetchone()
    end = low if last is None else last - base + 1
    connection.execute(
        "UPDATE partitions SET next = ?, marked = min(marked, ?), compacted = min(compacted, ?)"
        " WHERE id = ?",
        (end, end, end, partition),
    )
    connection.execute("DELETE FROM marks WHERE partition = ? AND offset > ?", (partition, end))
    connection.execute(
        "UPDATE commits SET offset = ? WHERE partition = ? AND offset > ?", (end, partition, end)
    )
