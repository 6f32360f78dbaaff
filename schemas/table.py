"""The state of a stage, as its decisions see it.

The rooms that decide (`agents`, `sinks`) are handed a table and never know what keeps it: a
RocksDB in the running line, a dictionary in `clawback extract` and in tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class Table(Protocol):
    """An ordered key-value table. What is put is read back at once; the stage's shell makes it
    durable together with the offsets of the records that led to it."""

    def get(self, key: str) -> bytes | None:
        """Return the value of `key`, or None."""

    def put(self, key: str, value: bytes) -> None:
        """Set the value of `key`."""

    def delete(self, key: str) -> None:
        """Forget `key`; it need not be there."""

    def scan(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Yield the keys that start with `prefix` in order, with their values. The table may be
        changed meanwhile; changes to keys not yet reached may or may not be seen."""


class MemoryTable:
    """A `Table` that lives as long as its process."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        """Return the value of `key`, or None."""
        return self._values.get(key)

    def put(self, key: str, value: bytes) -> None:
        """Set the value of `key`."""
        self._values[key] = value

    def delete(self, key: str) -> None:
        """Forget `key`."""
        self._values.pop(key, None)

    def scan(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Yield a snapshot of the keys that start with `prefix`, in order."""
        for key in sorted(key for key in self._values if key.startswith(prefix)):
            if key in self._values:
                yield key, self._values[key]
