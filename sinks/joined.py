"""Reading several parts of a table side by side, instead of looking each key up."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.table import Table


def joined(
    table: Table, first: str, *others: str
) -> Iterator[tuple[str, bytes, list[bytes | None]]]:
    """Yield all keys below one prefix in order, without it, with their values and those of the
    same keys below other prefixes, None where there are none."""
    cut = len(first)
    scans = [table.scan(prefix) for prefix in others]
    heads = [next(scan, None) for scan in scans]
    wanted = list(others)
    for key, value in table.scan(first):
        name = key[cut:]
        found: list[bytes | None] = []
        for at, head in enumerate(heads):
            key_there = wanted[at] + name
            while head is not None and head[0] < key_there:
                head = next(scans[at], None)
            heads[at] = head
            found.append(head[1] if head is not None and head[0] == key_there else None)
        yield name, value, found
