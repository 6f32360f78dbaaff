"""A place for what a command needs on the way: a folder and a table in it, both thrown away."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from schemas.settings import Settings
from streams.embedded.locks import FileLock
from streams.pairs.fresh import FreshTable
from streams.stage import tables_path
from streams.table import TableStore

COMMIT_STEPS: Final = 2_000
COMMIT_BYTES: Final = 8 << 20
"""After so many steps, or so much, the table is written; until then changes are in memory."""

MEMORY_BYTES: Final = 16 << 20

YOUNG_SECONDS: Final = 60
_PREFIX: Final = ".pairs-"
_LOCK: Final = "lock"


class Scratch:
    """A folder, a table, and what writes the table now and then (`tick`), so that its changes do
    not pile up in memory."""

    def __init__(self, folder: Path, store: TableStore) -> None:
        self.folder = folder
        self.table = FreshTable(store.table("all"))
        self._store = store
        self._steps = 0

    def tick(self) -> None:
        """Count a step, and write the table where it is time.

        Raises:
            TableError: it can't be written.
        """
        self._steps += 1
        if self._steps >= COMMIT_STEPS or self.table.put_bytes >= COMMIT_BYTES:
            self._store.commit()
            self._steps = self.table.put_bytes = 0


@contextmanager
def scratch(settings: Settings) -> Iterator[Scratch]:
    """Make an empty one beside the tables of the stages; at the end it is removed.

    What a killed command has left there is removed, too.

    Raises:
        OSError, TableError: it can't be made.
    """
    tables = tables_path(settings)
    tables.mkdir(parents=True, exist_ok=True)
    _remove_stale(tables)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=tables))
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire()
        store = TableStore(folder / "table", "scratch", memory_bytes=MEMORY_BYTES, scratch=True)
        try:
            yield Scratch(folder, store)
        finally:
            store.discard()
            store.close()
    finally:
        lock.close()
        shutil.rmtree(folder, ignore_errors=True)


def _remove_stale(tables: Path) -> None:
    for folder in tables.glob(f"{_PREFIX}*"):
        if not (folder / _LOCK).exists():
            # Its command is just about to begin, or was killed in that moment.
            if time.time() - folder.stat().st_mtime > YOUNG_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
            continue
        lock = FileLock(folder / _LOCK)
        if lock.try_acquire():
            shutil.rmtree(folder, ignore_errors=True)
        lock.close()
