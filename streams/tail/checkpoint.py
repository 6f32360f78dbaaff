"""How far each file had been published, kept through restarts.

A checkpoint is written after the broker has acknowledged what it covers, never before. Losing one
only means reading lines again, which then have the same ids; so a commit need not reach the disk
before it returns, and a damaged file can be put aside.
"""

from __future__ import annotations

import logging
import sqlite3
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from streams.tail.chain import Stop, pack, unpack
from streams.tail.signature import Signature

_log = logging.getLogger(__name__)

_VERSION = 1
_FORGET_SECONDS = 30 * 86400.0

_SCHEMA = """
CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    root TEXT NOT NULL,
    agent TEXT NOT NULL,
    name TEXT NOT NULL,
    signature BLOB,
    at_end INTEGER NOT NULL,
    settled INTEGER NOT NULL,
    grown REAL NOT NULL,
    marked INTEGER NOT NULL,
    gone REAL,
    stops BLOB NOT NULL
) STRICT;
CREATE TABLE segments (
    file INTEGER NOT NULL,
    number INTEGER NOT NULL,
    end INTEGER NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (file, number)
) STRICT, WITHOUT ROWID;
"""


class CheckpointError(Exception):
    """Checkpoints could not be read or written; the message says where and what to do."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One file, as far as the broker has acknowledged its lines.

    Attributes:
        id: the file's number, for ever its own.
        root: the state directory.
        agent: whose sessions directory the file is in.
        name: its file name when it was last seen.
        signature, at_end, settled, grown, marked: see `streams.tail.file.FollowedFile`.
        gone: when it was found missing, seconds since the epoch; None if it is there.
        stops: the stops of the open segment.
        kept: closed segments that are as they were at the checkpoint before.
        segments: the closed segments after those.
    """

    id: int
    root: str
    agent: str
    name: str
    signature: Signature | None
    at_end: bool
    settled: bool
    grown: float
    marked: int
    gone: float | None
    stops: tuple[Stop, ...]
    kept: int
    segments: tuple[Stop, ...]

    def after(self, earlier: Checkpoint) -> Checkpoint:
        """Return one checkpoint that does what `earlier` and then this one do."""
        if self.kept < earlier.kept:
            return self
        common = earlier.segments[: self.kept - earlier.kept]
        return replace(self, kept=earlier.kept, segments=common + self.segments)


class Checkpoints:
    """The checkpoints in one SQLite file. To be used by one thread at a time.

    Args:
        path: of the file; its folder is made if need be. A damaged file is put aside.

    Raises:
        CheckpointError: the file can't be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._connection = self._opened()
        except (sqlite3.Error, OSError) as error:
            raise CheckpointError(
                f"can't open the checkpoints {path}: {error}; "
                "make its folder writable, or set paths.home to one that is"
            ) from error

    def _opened(self) -> sqlite3.Connection:
        try:
            return _open(self._path)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            aside = self._path.with_name(f"{self._path.name}.damaged-{time.time_ns()}")
            self._path.rename(aside)
            for suffix in ("-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            _log.error(
                "the checkpoints %s can't be read (%s) and were put aside as %s; "
                "all files are read again, which doubles nothing",
                self._path, error, aside.name,
            )  # fmt: skip
            return _open(self._path)

    def load(self) -> list[Checkpoint]:
        """Return the checkpoints of all files that are not long gone.

        Raises:
            CheckpointError: they can't be read.
        """
        try:
            with self._connection:
                self._forget(time.time() - _FORGET_SECONDS)
            segments: dict[int, list[Stop]] = {}
            for file, end, digest in self._connection.execute(
                "SELECT file, end, digest FROM segments ORDER BY file, number"
            ):
                segments.setdefault(file, []).append((end, digest))
            return [
                _checkpoint(row, tuple(segments.get(row[0], ())))
                for row in self._connection.execute("SELECT * FROM files ORDER BY id")
            ]
        except (sqlite3.Error, struct.error) as error:
            raise CheckpointError(
                f"can't read the checkpoints {self._path}: {error}; "
                "move the file away to have all session files read again"
            ) from error

    def _forget(self, before: float) -> None:
        self._connection.execute(
            "DELETE FROM segments WHERE file IN (SELECT id FROM files WHERE gone < ?)", (before,)
        )
        self._connection.execute("DELETE FROM files WHERE gone < ?", (before,))

    def store(self, checkpoints: Iterable[Checkpoint]) -> None:
        """Write all or none.

        Raises:
            CheckpointError: nothing was written.
        """
        try:
            with self._connection:
                for one in checkpoints:
                    self._connection.execute(
                        "INSERT OR REPLACE INTO files VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                        _row(one),
                    )
                    self._connection.execute(
                        "DELETE FROM segments WHERE file = ? AND number >= ?", (one.id, one.kept)
                    )
                    self._connection.executemany(
                        "INSERT INTO segments VALUES (?, ?, ?, ?)",
                        [
                            (one.id, number, end, digest)
                            for number, (end, digest) in enumerate(one.segments, one.kept)
                        ],
                    )
        except sqlite3.Error as error:
            raise CheckpointError(f"can't write the checkpoints {self._path}: {error}") from error

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


def _open(path: Path) -> sqlite3.Connection:
    # Used from the tailer's one worker thread, but opened and closed by whoever owns it.
    connection = sqlite3.connect(path, timeout=10, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA cache_size=-512")
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 0:
        connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version={_VERSION}; COMMIT;")
    elif version != _VERSION:
        raise sqlite3.OperationalError(f"it is of version {version}, not {_VERSION}")
    connection.execute("SELECT 1 FROM files, segments LIMIT 1")


def _row(one: Checkpoint) -> tuple[object, ...]:
    signature = one.signature and one.signature.pack()
    return (
        one.id, one.root, one.agent, one.name, signature,
        one.at_end, one.settled, one.grown, one.marked, one.gone, pack(one.stops),
    )  # fmt: skip


def _checkpoint(row: tuple[Any, ...], segments: tuple[Stop, ...]) -> Checkpoint:
    number, root, agent, name, signature, at_end, settled, grown, marked, gone, stops = row
    return Checkpoint(
        id=number,
        root=root,
        agent=agent,
        name=name,
        signature=None if signature is None else Signature.unpack(signature),
        at_end=bool(at_end),
        settled=bool(settled),
        grown=grown,
        marked=marked,
        gone=gone,
        stops=tuple(unpack(stops)),
        kept=len(segments),
        segments=segments,
    )
