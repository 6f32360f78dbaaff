"""All that pairs are made of, from the topics into a table of its own.

The running line has its table open, and a snapshot is a function of the topics alone; so they are
read anew. The table lives on disk as long as the command runs.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas.settings import Settings
from sinks.intake import TOPICS, Intake
from sinks.spread import Spread
from streams.broker import Broker
from streams.pairs.fresh import FreshTable
from streams.replay.topics import partitions
from streams.stage import tables_path
from streams.table import TableStore

COMMIT_STEPS = 2_000
COMMIT_BYTES = 8 << 20
"""After so many steps, or so much, the table is written; until then changes are in memory."""

MEMORY_BYTES = 32 << 20
"""Memory of the table: pairing looks up turns all over it."""


@dataclass(slots=True)
class Scratch:
    """A table that is thrown away, and what was read into it.

    `records` counts by topic; `unreadable` are records that the line has put among the dead
    letters. `ends` are the offsets after the last record that was read, by topic and partition.
    """

    store: TableStore
    table: FreshTable
    records: Counter[str] = field(default_factory=Counter)
    ends: dict[str, dict[str, int]] = field(default_factory=dict)
    _steps: int = 0

    def tick(self) -> None:
        """Write the table now and then, so that its changes do not pile up in memory."""
        self._steps += 1
        if self._steps >= COMMIT_STEPS or self.table.put_bytes >= COMMIT_BYTES:
            self.store.commit()
            self._steps = self.table.put_bytes = 0


@contextmanager
def scratch(settings: Settings) -> Iterator[Scratch]:
    """Open an empty table beside those of the stages; at the end it is removed."""
    tables = tables_path(settings)
    tables.mkdir(parents=True, exist_ok=True)
    folder = tempfile.mkdtemp(prefix=".snapshot-", dir=tables)
    try:
        store = TableStore(
            Path(folder) / "table", "scratch", memory_bytes=MEMORY_BYTES, scratch=True
        )
        try:
            yield Scratch(store, FreshTable(store.table("all")))
        finally:
            store.discard()
            store.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def gather(broker: Broker, settings: Settings, into: Scratch, spread: Spread) -> None:
    """Read all that the topics hold now.

    Raises:
        BrokerError: the broker is not there.
    """
    intake = Intake(into.table, spread)
    with asyncio.Runner() as runner:
        for topic in TOPICS:
            into.ends[topic] = {
                str(number): runner.run(broker.end(topic, number))
                for number in range(partitions(broker, topic, settings))
            }
        for topic, ends in into.ends.items():
            values = (
                value
                for number, end in ends.items()
                for value in _values(runner, broker, topic, int(number), end)
            )
            for read in intake.take(topic, values):
                into.records[topic if read else "unreadable"] += 1
                into.tick()
    into.store.commit()


def _values(
    runner: asyncio.Runner, broker: Broker, topic: str, number: int, end: int
) -> Iterator[bytes]:
    start = 0
    while start < end and (records := runner.run(broker.read(topic, number, start, end))):
        for record in records:
            # A tombstone says that a record is no more; what it named has gone from the topic.
            if record.value is not None:
                yield record.value
        start = records[-1].offset + 1


def lineage(broker: Broker, read: Scratch) -> dict[str, Any]:
    """Return where a snapshot's records come from."""
    return {
        "broker": broker.identity,
        "prefix": broker.prefix,
        "offsets": read.ends,
        "made_ms": int(time.time() * 1000),
    }
