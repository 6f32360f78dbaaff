"""Running a stage's decisions over all that its topics hold now, without a consumer group.

What a stage does in batches while the line runs is done here from one end to the other: apply,
publish, write the table. The table is the stage's own, so that the stage goes on where this ended.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Literal

from schemas.settings import Settings
from schemas.table import Table
from streams.batch import UNUSABLE, Beginning, Flushing, Timed
from streams.broker import Broker
from streams.flow import Handler, Incoming, Outgoing
from streams.replay.topics import partitions
from streams.stage import dead_letter
from streams.table import TableStore

Moved = Callable[[int], None]


class Drain:
    """One stage's decisions from topic to topic.

    Args:
        name: the stage's, for dead letters.
        handler: the decisions.
        store: the stage's table.
        source: where the records are.
        target: where what follows from them goes.
        scope: as for `streams.batch.BatchStage`.
    """

    def __init__(
        self,
        name: str,
        handler: Handler,
        store: TableStore,
        source: Broker,
        target: Broker,
        settings: Settings,
        *,
        scope: Literal["partition", "worker"] = "partition",
    ) -> None:
        self._name = name
        self._handler = handler
        self._store = store
        self._source = source
        self._target = target
        self._settings = settings
        self._scope = scope

    async def run(self, topics: Sequence[str], moved: Moved = lambda _: None) -> int:
        """Apply what the table lacks, and do what is due by then.

        Args:
            topics: the bare names of what is read.
            moved: called with the number of records after each batch.

        Returns:
            How many records were applied.

        Raises:
            BrokerError: the broker is not there.
        """
        applied = 0
        if isinstance(self._handler, Beginning):
            await self._target.publish(list(self._handler.begin(self._table(0))))
            self._store.commit()
        for topic in topics:
            for number in range(partitions(self._source, topic, self._settings)):
                applied += await self._partition(topic, number, moved)
        if isinstance(self._handler, Timed):
            for number in range(partitions(self._source, topics[0], self._settings)):
                await self._close_windows(self._handler, number)
        if isinstance(self._handler, Flushing):
            await asyncio.to_thread(self._handler.flush, self._table(0), everything=True)
            self._store.commit()
        return applied

    async def _partition(self, topic: str, partition: int, moved: Moved) -> int:
        applied = 0
        start = self._store.applied(topic, partition) or 0
        stop = await self._source.end(topic, partition)
        while start < stop and (records := await self._source.read(topic, partition, start, stop)):
            outgoing = [each for record in records for each in self._apply(record)]
            if outgoing:
                await self._target.publish(outgoing)
            start = records[-1].offset + 1
            self._store.advance(topic, partition, start)
            self._store.commit()
            applied += len(records)
            moved(len(records))
        return applied

    async def _close_windows(self, handler: Timed, partition: int) -> None:
        table = self._table(partition)
        now_ms = int(time.time() * 1000)
        while (at := handler.next_due(table)) is not None and at <= now_ms:
            await self._target.publish(list(handler.due(now_ms, table)))
            self._store.commit()

    def _apply(self, record: Incoming) -> list[Outgoing]:
        if record.is_filler:
            return []
        self._store.begin()
        try:
            return list(self._handler.apply(record, self._table(record.partition)))
        except UNUSABLE as error:
            self._store.undo()
            return [dead_letter(self._name, self._source.prefix, record, error)]

    def _table(self, partition: int) -> Table:
        return self._store.table(str(partition) if self._scope == "partition" else "all")
