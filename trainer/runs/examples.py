"""What there is to learn from, and how much of it is new since the last run was planned.

An example is new if the record by which it first came stands behind all that had been read of its
topic when the last run was planned. That is said by the run's own record, so that it does not
depend on the order in which topics are read, and a table that was lost is built again as it was.

In the table:
    example/<id>     where and when it first came, and whether it is still there
    read/<number>    the offset after the last record of a partition of the topic
    covered/<number> the offset up to which the last run has covered it
    new              how many are new, and when the first of them came
"""

from __future__ import annotations

from typing import NamedTuple

import orjson

from schemas.identity import digest
from schemas.table import Table

_EXAMPLE, _READ, _COVERED, _NEW = "example/", "read/", "covered/", "new"


class New(NamedTuple):
    """How many examples are new, and when the first of them came (epoch milliseconds; 0 if there
    is none)."""

    number: int
    first_ms: int


class _Seen(NamedTuple):
    partition: int
    offset: int
    at_ms: int
    there: bool


def take(name: str, partition: int, offset: int, at_ms: int, *, there: bool, table: Table) -> None:
    """Take in that an example has come, come again, or gone."""
    passed(partition, offset, table)
    before = _example(name, table)
    if before is None and not there:
        return
    seen = before._replace(there=there) if before else _Seen(partition, offset, at_ms, there)
    table.put(_EXAMPLE + name, orjson.dumps(tuple(seen)))
    was_there = before is not None and before.there
    if was_there == there or not _is_new(seen, _covered(table)):
        return
    number, first_ms = new(table)
    if there:
        _put_new(New(number + 1, min(first_ms, seen.at_ms) if number else seen.at_ms), table)
    else:
        _put_new(New(number - 1, first_ms if number > 1 else 0), table)


def remember(name: str, partition: int, offset: int, at_ms: int, table: Table) -> None:
    """Take in that an example had come in a way that no longer counts: what comes of it again is
    not new, and whether it is there is not said."""
    passed(partition, offset, table)
    if _example(name, table) is None:
        seen = _Seen(partition, offset, at_ms, there=False)
        table.put(_EXAMPLE + name, orjson.dumps(tuple(seen)))


def passed(partition: int, offset: int, table: Table) -> None:
    """Take in that the record at `offset` has been read, whatever it was."""
    if offset >= _number(_READ, partition, table):
        table.put(f"{_READ}{partition}", b"%d" % (offset + 1))


def new(table: Table) -> New:
    """Return how many examples are new."""
    stored = table.get(_NEW)
    return New(*orjson.loads(stored)) if stored else New(0, 0)


def count(table: Table) -> int:
    """Return how many examples there are. Looks at each."""
    return sum(1 for _, value in table.scan(_EXAMPLE) if _Seen(*orjson.loads(value)).there)


def mark(table: Table) -> str:
    """Return what stands for the set of all examples that are there. Looks at each."""
    there = (
        key.removeprefix(_EXAMPLE)
        for key, value in table.scan(_EXAMPLE)
        if _Seen(*orjson.loads(value)).there
    )
    # In the order of their names, whatever the table's own is.
    return digest("examples", sorted(there))


def read_to(table: Table) -> dict[str, int]:
    """Return the offset after the last record that was read, by partition."""
    return {key.removeprefix(_READ): int(value) for key, value in table.scan(_READ)}


def cover(read: dict[str, int], table: Table) -> None:
    """Take in that a run was planned when so much had been read."""
    moved = False
    for number, offset in read.items():
        if offset > _number(_COVERED, int(number), table):
            table.put(_COVERED + number, b"%d" % offset)
            moved = True
    if not moved:
        return
    covered = _covered(table)
    seen = (_Seen(*orjson.loads(value)) for _, value in table.scan(_EXAMPLE))
    times = [each.at_ms for each in seen if each.there and _is_new(each, covered)]
    _put_new(New(len(times), min(times, default=0)), table)


def _is_new(seen: _Seen, covered: dict[int, int]) -> bool:
    return seen.offset >= covered.get(seen.partition, 0)


def _example(name: str, table: Table) -> _Seen | None:
    stored = table.get(_EXAMPLE + name)
    return _Seen(*orjson.loads(stored)) if stored else None


def _covered(table: Table) -> dict[int, int]:
    return {int(key.removeprefix(_COVERED)): int(value) for key, value in table.scan(_COVERED)}


def _number(prefix: str, partition: int, table: Table) -> int:
    return int(table.get(f"{prefix}{partition}") or 0)


def _put_new(found: New, table: Table) -> None:
    table.put(_NEW, orjson.dumps(tuple(found)))
