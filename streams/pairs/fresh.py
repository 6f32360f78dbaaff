"""A table that was empty when the command began, and that nobody else writes.

Most keys that are asked for have never been put. A bit for each hash of a key that was put tells so
without a look into the store, in 32 MiB however many keys there are: with 12 million, of twenty
others one is looked up for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from schemas.table import Table

_BITS: Final = 1 << 28


class FreshTable:
    """A `schemas.table.Table` over another that was empty.

    `put_bytes` counts what was put, until whoever writes the table sets it back.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self.put_bytes = 0
        self._put = bytearray(_BITS >> 3)

    def get(self, key: str) -> bytes | None:
        """Return the value of `key`, or None."""
        bit = hash(key) & (_BITS - 1)
        return self._table.get(key) if self._put[bit >> 3] & (1 << (bit & 7)) else None

    def put(self, key: str, value: bytes) -> None:
        """Set the value of `key`."""
        bit = hash(key) & (_BITS - 1)
        self._put[bit >> 3] |= 1 << (bit & 7)
        self.put_bytes += len(key) + len(value)
        self._table.put(key, value)

    def delete(self, key: str) -> None:
        """Forget `key`; it need not be there."""
        self._table.delete(key)

    def scan(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Yield the keys that start with `prefix` in order, with their values."""
        return self._table.scan(prefix)
