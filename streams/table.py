"""A stage's durable state: one RocksDB that also knows which records led to it.

The offsets applied are written in the same atomic batch as the changes they caused, so table and
offsets can't disagree, however the process ends. A consumer group's committed offset may lag
behind (then records come again and are passed over) or, after a power cut, lie ahead (then the
records between are read back from the topic): see `streams.stage`.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from rocksdict import (
    BlockBasedIndexType,
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
    WriteOptions,
)

MEMORY_BYTES = 4 << 20
BLOOM_BITS = 10
OPEN_FILES = 64
SCRATCH_BLOCK_BYTES = 16 << 10

logger = logging.getLogger(__name__)

_ABSENT = object()
_LINEAGE = b"!lineage"
_OFFSET = b"!offset/"


class TableStore:
    """One stage's tables on disk.

    `lineage` names what the tables were computed from (the broker's log and the version of the
    stage's decisions). A store of another lineage is emptied on opening, to be built anew from
    the topics. Of what is read `memory_bytes` stay in memory, and up to twice as much of what is
    written until it goes into a file. A `scratch` store is thrown away in the end: what was
    committed does not outlive the process, and it is made to be read from one end to the other.

    Raises:
        TableLockedError: another process has the store open.
        TableError: it can't be opened.
    """

    def __init__(
        self, path: Path, lineage: str, *, memory_bytes: int = MEMORY_BYTES, scratch: bool = False
    ) -> None:
        self.path = path
        self._pending: dict[bytes, bytes | None] = {}
        self._undo: list[tuple[bytes, object]] | None = None
        self._tables: dict[str, ScopedTable] = {}
        self._db = _open(path, memory_bytes, scratch=scratch)
        stored = self._db.get(_LINEAGE)
        if stored != lineage.encode():
            if stored is not None:
                self._db.close()
                shutil.rmtree(path)
                self._db = _open(path, memory_bytes, scratch=scratch)
            self._db.put(_LINEAGE, lineage.encode())

    def table(self, scope: str) -> ScopedTable:
        """Return the table of one scope (a partition, or the whole stage), the same each time."""
        known = self._tables.get(scope)
        if known is None:
            known = self._tables[scope] = ScopedTable(self, scope)
        return known

    def applied(self, topic: str, partition: int) -> int | None:
        """Return the offset after the last record applied, or None before the first."""
        value = self._get(_offset_key(topic, partition))
        return None if value is None else int(value)

    def advance(self, topic: str, partition: int, offset: int) -> None:
        """Note that every record before `offset` is applied."""
        self._put(_offset_key(topic, partition), str(offset).encode())

    def begin(self) -> None:
        """Mark the state to return to should the record at hand turn out to be unusable."""
        self._undo = []

    def undo(self) -> None:
        """Return to the state at `begin`."""
        for key, old in reversed(self._undo or []):
            if old is _ABSENT:
                del self._pending[key]
            else:
                self._pending[key] = old  # type: ignore[assignment]
        self._undo = None

    def commit(self) -> None:
        """Write all changes and offsets since the last commit, atomically.

        Raises:
            TableError: they can't be written. The store may refuse everything from then on.
        """
        self._undo = None
        if not self._pending:
            return
        batch = WriteBatch(raw_mode=True)
        for key, value in self._pending.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        try:
            self._db.write(batch)
        except Exception as error:
            raise _error(self.path, error) from error
        self._pending.clear()

    def discard(self) -> None:
        """Forget all changes since the last commit."""
        self._undo = None
        self._pending.clear()

    def close(self) -> None:
        """Close the store without committing."""
        self._pending.clear()
        try:
            self._db.close()
        except Exception as error:  # noqa: BLE001 - the library has no exceptions of its own
            # What was committed stands in its write-ahead log, and is taken from there.
            logger.warning("%s", _error(self.path, error))

    def _get(self, key: bytes) -> bytes | None:
        value = self._pending.get(key, _ABSENT)
        if value is _ABSENT:
            found: bytes | None = self._db.get(key)
            return found
        return value  # type: ignore[return-value]

    def _put(self, key: bytes, value: bytes | None) -> None:
        if self._undo is not None:
            self._undo.append((key, self._pending.get(key, _ABSENT)))
        self._pending[key] = value

    def _scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        changed = sorted(key for key in self._pending if key.startswith(prefix))
        bounds = ReadOptions()
        bounds.set_iterate_lower_bound(prefix)
        bounds.set_iterate_upper_bound(prefix + b"\xff")
        stored = cast(
            Iterator[tuple[bytes, bytes]], self._db.items(from_key=prefix, read_opt=bounds)
        )
        index = 0
        for key, value in stored:
            while index < len(changed) and changed[index] < key:
                yield from self._changed(changed[index])
                index += 1
            if index < len(changed) and changed[index] == key:
                yield from self._changed(key)
                index += 1
            else:
                yield key, value
        for key in changed[index:]:
            yield from self._changed(key)

    def _changed(self, key: bytes) -> Iterator[tuple[bytes, bytes]]:
        value = self._get(key)
        if value is not None:
            yield key, value


class ScopedTable:
    """The part of a store that one scope sees; a `schemas.table.Table`."""

    def __init__(self, store: TableStore, scope: str) -> None:
        self._store = store
        self._prefix = f"{scope}/".encode()

    def get(self, key: str) -> bytes | None:
        """Return the value of `key`, or None."""
        return self._store._get(self._prefix + key.encode())

    def put(self, key: str, value: bytes) -> None:
        """Set the value of `key`."""
        self._store._put(self._prefix + key.encode(), value)

    def delete(self, key: str) -> None:
        """Forget `key`."""
        self._store._put(self._prefix + key.encode(), None)

    def scan(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Yield the keys that start with `prefix` in byte order, with their values."""
        cut = len(self._prefix)
        for key, value in self._store._scan(self._prefix + prefix.encode()):
            yield key[cut:].decode(), value


class TableError(Exception):
    """A table can't be opened or written. The message says what to do."""


class TableLockedError(TableError):
    """Another process has the table open."""


def _offset_key(topic: str, partition: int) -> bytes:
    return _OFFSET + f"{topic}/{partition}".encode()


def _open(path: Path, memory_bytes: int, *, scratch: bool) -> Rdict:
    path.mkdir(parents=True, exist_ok=True)
    blocks = BlockBasedOptions()
    blocks.set_block_cache(Cache(memory_bytes))
    # Most keys that are asked for are not there; without this, each file is looked into.
    blocks.set_bloom_filter(BLOOM_BITS, False)
    if scratch:
        # Else indexes and filters are held beside the cache, the more the larger the table; and
        # unless they are in parts, a look into one of them brings all of a file's into the cache.
        blocks.set_cache_index_and_filter_blocks(True)
        blocks.set_index_type(BlockBasedIndexType.two_level_index_search())
        blocks.set_partition_filters(True)
        blocks.set_pin_top_level_index_and_filter(True)
        blocks.set_block_size(SCRATCH_BLOCK_BYTES)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(blocks)
    options.set_write_buffer_size(memory_bytes)
    options.set_max_write_buffer_number(2)
    options.set_max_open_files(OPEN_FILES)
    options.set_max_background_jobs(2)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_keep_log_file_num(2)
    options.set_max_total_wal_size(4 * memory_bytes)
    try:
        db = Rdict(str(path), options)
    except Exception as error:
        if "lock" in str(error).lower():
            raise TableLockedError(f"{path} is in use by another process") from error
        raise _error(path, error) from error
    if scratch:
        unlogged = WriteOptions()
        # A property, though the library's stub has a method.
        unlogged.disable_wal = True  # type: ignore[method-assign,assignment]
        db.set_write_options(unlogged)
    return db


def _error(path: Path, error: Exception) -> TableError:
    """Return what RocksDB says in its own long way, with what there is to be done."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    if "no space left" in reason.lower():
        reason = "no space left on device; free some space, it is tried again"
    return TableError(f"can't write the table {path}: {reason}")
