"""Which turns a judge has answered, as the topic and the stage's own table have it.

In the table, by partition: `done/<judgement id>` for each judgement that stands on the topic,
and `answer/<judgement id>` for one that the judge has given and the broker has not acknowledged
yet. The latter is written the moment an answer is there, so that a process that is killed while
it publishes does not have the same turn judged, and paid for, again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from schemas.judgement import Judgement
from schemas.topics import JUDGEMENTS
from streams.broker import Broker
from streams.table import TableStore

FRESH = 0.5
"""Seconds for which what was read of a partition is taken to be all there is."""


class Ledger:
    """Remembers the answers of the judge called `name`. `store` opens with the first partition."""

    def __init__(self, name: str, broker: Broker, store: Callable[[], TableStore]) -> None:
        self._name = name
        self._broker = broker
        self._store = store
        self._reading = asyncio.Lock()
        self._looked: dict[int, float] = {}

    def forget(self) -> None:
        """Look at every partition anew: another worker may have had it for a while."""
        self._looked.clear()

    async def read(self, partition: int) -> None:
        """Take note of all judgements that a partition of the topic has, or had a moment ago.

        Whoever made them: this worker, one before it, another one of its group, a replay.
        """
        async with self._reading:
            if time.monotonic() - self._looked.get(partition, -FRESH) < FRESH:
                return
            self._looked[partition] = time.monotonic()
            store = self._store()
            start = store.applied(JUDGEMENTS, partition) or 0
            stop = await self._broker.end(JUDGEMENTS, partition)
            while start < stop and (
                records := await self._broker.read(JUDGEMENTS, partition, start, stop)
            ):
                self._note(partition, (record.value for record in records))
                start = records[-1].offset + 1
                store.advance(JUDGEMENTS, partition, start)
                store.commit()

    def is_done(self, partition: int, judgement: str) -> bool:
        """Say whether a judgement stands on the topic, as far as that has been read."""
        return self._store().table(str(partition)).get(_done(judgement)) is not None

    def kept(self, partition: int, judgement: str) -> Judgement | None:
        """Return an answer that was given and perhaps not published."""
        value = self._store().table(str(partition)).get(_answer(judgement))
        return None if value is None else Judgement.from_bytes(value)

    def keep(self, partition: int, judgement: Judgement) -> bytes:
        """Write an answer down and return it as it is published. It outlives this process."""
        store, value = self._store(), judgement.to_bytes()
        store.table(str(partition)).put(_answer(judgement.id), value)
        store.commit()
        return value

    def settle(self, published: Iterable[tuple[int, str]]) -> None:
        """Note which judgements the broker has acknowledged, by partition and id; the caller
        commits."""
        for partition, judgement in published:
            table = self._store().table(str(partition))
            table.put(_done(judgement), b"")
            table.delete(_answer(judgement))

    def _note(self, partition: int, values: Iterable[bytes | None]) -> None:
        table = self._store().table(str(partition))
        for value in values:
            said = _load(value)
            if said.get("judge") != self._name or not isinstance(said.get("id"), str):
                continue
            if table.get(_done(said["id"])) is None:
                self.settle([(partition, said["id"])])


def _load(value: bytes | None) -> dict[str, Any]:
    """Return a record of the topic; what is none has its dead letter from the ensemble."""
    try:
        found = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _done(judgement: str) -> str:
    return f"done/{judgement}"


def _answer(judgement: str) -> str:
    return f"answer/{judgement}"
