"""The SQLite file under the log: its schema, its pragmas and its one writer at a time."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from streams.embedded.locks import FileLock
from streams.embedded.records import LogError, LogFull

#: A record's row id is its partition's id and its offset in one integer: records of a partition
#: lie together in offset order without a second index.
OFFSET_BITS = 40

#: Large pages keep a record of a few KB in few pages; 16 KB took half the time of 4 KB.
PAGE_BYTES = 16 * 1024

#: The write-ahead log is copied into the file each time it has grown by this much.
CHECKPOINT_BYTES = 16 * 1024 * 1024

#: Beyond this the writer waits for readers to let go of the write-ahead log, so that it restarts.
WAL_LIMIT_BYTES = 64 * 1024 * 1024

_APPLICATION_ID = 0x636C6177
_VERSION = 1

_SCHEMA = """
CREATE TABLE log (
    identity TEXT NOT NULL                  -- of this file, for good
);
INSERT INTO log VALUES (lower(hex(randomblob(16))));
CREATE TABLE topics (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    partitions INTEGER NOT NULL,
    retention_ms INTEGER NOT NULL,
    retention_bytes INTEGER NOT NULL,
    compact INTEGER NOT NULL
);
CREATE TABLE partitions (
    id INTEGER PRIMARY KEY,
    topic INTEGER NOT NULL REFERENCES topics (id),
    number INTEGER NOT NULL,
    low INTEGER NOT NULL DEFAULT 0,         -- first offset that retention has left
    next INTEGER NOT NULL DEFAULT 0,        -- high water: the offset of the next record
    bytes INTEGER NOT NULL DEFAULT 0,       -- of keys, values and headers now stored
    latest_ms INTEGER NOT NULL DEFAULT 0,   -- greatest record time ever appended
    marked INTEGER NOT NULL DEFAULT 0,      -- offset of the newest row in marks
    compacted INTEGER NOT NULL DEFAULT 0,   -- first offset no compaction has seen
    kept INTEGER NOT NULL DEFAULT 0,        -- records the last compaction left below that
    UNIQUE (topic, number)
);
CREATE TABLE records (
    id INTEGER PRIMARY KEY,                 -- partition << 40 | offset
    time_ms INTEGER NOT NULL,
    key BLOB,
    headers BLOB,
    value BLOB                              -- last, so that scans of the rest skip its pages
);
CREATE TABLE marks (                        -- sparse index of time
    partition INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    latest_ms INTEGER NOT NULL,             -- greatest time of all records before this offset
    PRIMARY KEY (partition, offset)
) WITHOUT ROWID;
CREATE TABLE groups (
    name TEXT PRIMARY KEY,
    generation INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE commits (
    name TEXT NOT NULL,                     -- of the group
    partition INTEGER NOT NULL,
    offset INTEGER NOT NULL,                -- the next to read
    PRIMARY KEY (name, partition)
) WITHOUT ROWID;
"""


class Database:
    """Connections to one log file: one that writes, one that reads; safe to use from any thread."""

    def __init__(self, path: Path, *, synchronous: str) -> None:
        if synchronous not in ("full", "normal"):
            raise LogError(f"synchronous is 'full' or 'normal', not {synchronous!r}")
        self.path = path
        #: Lock files and wake-up pipes live here, beside the file.
        self.side = path.with_name(path.name + ".d")
        self.side.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._synchronous = synchronous
        self._write_lock = threading.Lock()
        self._read_lock = threading.Lock()
        self._turn = FileLock(self.side / "write.lock")
        try:
            with self._turn:
                self._writer = self.connect()
                self._prepare()
            self._reader = self.connect()
        except sqlite3.Error as error:
            self._turn.close()
            raise LogError(f"cannot open the log {path}: {error}") from error

    def connect(self) -> sqlite3.Connection:
        """A further connection, for the caller to close."""
        # Made by hand so that only its owner may read it; SQLite gives its side files the same
        # mode. O_EXCL: closing a descriptor of a database in use would drop SQLite's own locks.
        with suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection = sqlite3.connect(
            self.path, timeout=30.0, isolation_level=None, check_same_thread=False
        )
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        # Elsewhere than on macOS, where fsync alone does not reach the platter, no effect.
        connection.execute(f"PRAGMA fullfsync = {int(self._synchronous == 'full')}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_BYTES // PAGE_BYTES}")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}")
        connection.execute("PRAGMA cache_size = -4096")
        return connection

    def _prepare(self) -> None:
        (version,) = self._writer.execute("PRAGMA user_version").fetchone()
        (application,) = self._writer.execute("PRAGMA application_id").fetchone()
        if version == 0 and application == 0:
            self._writer.executescript(
                f"BEGIN; {_SCHEMA} PRAGMA application_id = {_APPLICATION_ID};"
                f"PRAGMA user_version = {_VERSION}; COMMIT;"
            )
        elif (application, version) != (_APPLICATION_ID, _VERSION):
            raise LogError(f"{self.path} is not a log of this version (found {version})")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A durable transaction; undone if the body raises.

        Writers of all processes take turns on a file lock, which wakes the next one at once and
        lets none starve; SQLite's own waiting sleeps and tries again.

        Raises:
            LogFull: no space is left on the device.
            LogError: SQLite failed otherwise.
        """
        with self._write_lock, self._turn:
            connection = self._writer
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                self._undo()
                if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                    raise LogFull(f"no space left for {self.path}; free some") from error
                raise LogError(f"cannot write to {self.path}: {error}") from error
            except BaseException:
                self._undo()
                raise
            self._bound_wal()

    def _undo(self) -> None:
        # SQLite has rolled back by itself after some errors.
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")

    def _bound_wal(self) -> None:
        try:
            size = os.stat(f"{self.path}-wal").st_size
        except FileNotFoundError:
            return
        if size > WAL_LIMIT_BYTES:
            # The commit stands whether or not this succeeds; the next writer tries again.
            with suppress(sqlite3.Error):
                self._writer.execute("PRAGMA busy_timeout = 1000")
                self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._writer.execute("PRAGMA busy_timeout = 30000")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with; what it reads is committed. Never waits for writers.

        Raises:
            LogError: SQLite failed.
        """
        with self._read_lock:
            try:
                yield self._reader
            except sqlite3.Error as error:
                raise LogError(f"cannot read {self.path}: {error}") from error

    def close(self) -> None:
        """Close both connections; the last process to do so folds the write-ahead log in."""
        with self._read_lock, self._write_lock:
            self._reader.close()
            self._writer.close()
            self._turn.close()
