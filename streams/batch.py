"""Stages that decide in batches: extract, prefilter, signals, ensemble, the sinks.

What has arrived is applied to the table, what follows from it is published, the table is written
together with the offsets in one atomic batch, and only then are the records acknowledged. In that
order a crash at any point leads to records being applied again to the table as it was before
them, and to outputs being published again under the same ids.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import orjson

from schemas.settings import Settings
from schemas.table import Table
from streams.broker import Broker
from streams.embedded.take import take
from streams.flow import Handler, Incoming, Outgoing
from streams.stage import Stage
from streams.table import MEMORY_BYTES

BATCH = 250
"""Records in a batch, unless a stage says otherwise."""

BUNDLES = 16
"""Most bundles of records held in memory that a stage has not begun with."""

OUTBOX = "outbox"
"""The table's scope for records that are written but perhaps not yet published."""

UNUSABLE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What a record can make a decision raise. A record that nobody foresaw must not stop those behind
it; what the machine raises (no space, no memory) is not the record's fault and ends the stage."""

BEHIND = 0.2
"""Seconds until the clock is looked at again by a stage that has records to catch up with."""

logger = logging.getLogger(__name__)


@runtime_checkable
class Timed(Protocol):
    """A handler that also acts when a time has come."""

    def next_due(self, table: Table) -> int | None:
        """Return when `due` has something to do next (epoch milliseconds), or None."""

    def due(self, now_ms: int, table: Table) -> Iterable[Outgoing]:
        """Do what is due and return what follows. All records of before `now_ms` are applied."""


@runtime_checkable
class Flushing(Protocol):
    """A handler that writes files from its table."""

    def flush_in(self) -> float | None:
        """Return in how many seconds a flush is due, or None if nothing is unwritten."""

    def flush(self, table: Table, *, everything: bool = False) -> None:
        """Write what is due, durably; with `everything`, all that is unwritten."""


@runtime_checkable
class Beginning(Protocol):
    """A handler with something to do before the first record: other settings may mean other
    outputs for records that were applied long ago."""

    def begin(self, table: Table) -> Iterable[Outgoing]:
        """Return what follows from the table and the settings; called once for a table."""


class BatchStage(Stage):
    """A stage around a handler.

    Args:
        scope: `partition` gives each partition a table of its own, which lets partitions move
            between workers; `worker` is for handlers that must see everything.
        group: names its consumer group and its table, where that is not the stage's own name.
        batch: how many records make a batch; no bundle is divided for it.
        table_bytes: memory for what is read from its table, and twice as much for what is written.
    """

    def __init__(
        self,
        name: str,
        topics: Sequence[str],
        version: str,
        handler: Handler,
        settings: Settings,
        broker: Broker,
        *,
        scope: Literal["partition", "worker"] = "partition",
        group: str = "",
        batch: int = BATCH,
        table_bytes: int = MEMORY_BYTES,
    ) -> None:
        super().__init__(
            name,
            topics,
            version,
            settings,
            broker,
            buffered=BUNDLES,
            bundled=True,
            group=group,
            table_bytes=table_bytes,
        )
        self._batch = batch
        self._handler = handler
        self._scope = scope
        self._begun = False
        self._whole = False
        self._busy = asyncio.Lock()
        self._stirred = asyncio.Event()
        self._clock: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Join the consumer group and begin."""
        await super().start()
        if isinstance(self._handler, Timed | Flushing):
            self._clock = asyncio.create_task(self._watch_clock(), name=f"{self.name} clock")

    async def stop(self) -> None:
        """Finish the batch at hand and write what is unwritten, then leave the group."""
        if self._clock is not None:
            self._clock.cancel()
        async with self._busy:
            if isinstance(self._handler, Flushing) and self._whole and not self.failed.done():
                try:
                    await self._flush(self._handler, everything=True)
                except Exception as error:  # noqa: BLE001 - what is unwritten stays noted as such
                    self.fail(error)
        await super().stop()

    def assigned(self) -> None:
        """Look again at what the table lacks, and at what is due."""
        self._whole = False
        self._stirred.set()

    async def work(self, stream: Any) -> None:
        """Handle what has arrived, batch after batch."""
        async for events in take(stream, self._batch, _records):
            async with self._busy:
                await self._handle([record for event in events for record in self.bundle(event)])

    async def _handle(self, records: Sequence[Incoming]) -> None:
        # Before any of them is applied: what is caught up with is written to the table, and what
        # is applied must not be before that which follows from it is published.
        await self._complete()
        for place, offset in _firsts(records).items():
            await self._catch_up(place, offset)
        outgoing = self._take(records)
        if self._scope == "worker":
            await self._post(outgoing)
        else:
            await self.broker.publish(outgoing)
            self.store.commit()
        self._stirred.set()

    async def _post(self, outgoing: Sequence[Outgoing]) -> None:
        """Publish what follows from records of several partitions.

        After a crash those come again in another order, and what had followed on the way might
        not follow again; once published it must not be forgotten. So the table is written first,
        with what is to be published in it.
        """
        outbox = self.store.table(OUTBOX)
        for number, record in enumerate(outgoing):
            outbox.put(f"{number:08d}", _packed(record))
        self.store.commit()
        await self._empty_outbox()

    async def _empty_outbox(self) -> None:
        outbox = self.store.table(OUTBOX)
        waiting = list(outbox.scan(""))
        if waiting:
            await self.broker.publish([_unpacked(value) for _, value in waiting])
            for key, _ in waiting:
                outbox.delete(key)
            self.store.commit()

    def _take(self, records: Sequence[Incoming]) -> list[Outgoing]:
        """Apply records, but none twice."""
        outgoing: list[Outgoing] = []
        reached: dict[tuple[str, int], int] = {}
        for record in records:
            place = (record.topic, record.partition)
            if place not in reached:
                reached[place] = self.store.applied(*place) or 0
            if record.offset >= reached[place]:
                outgoing += self._apply(record)
                reached[place] = record.offset + 1
        for place, offset in reached.items():
            self.store.advance(*place, offset)
        return outgoing

    async def _complete(self) -> None:
        """Give a table that all partitions share all that its group has had of any of them.

        Only records tell a partition's table that it lacks some. This one would be taken for
        whole, and written to files, when they came for one partition and not for another.
        """
        if self._whole:
            return
        if self._scope == "worker":
            await self._empty_outbox()
            places = [(topic, number) for topic in self.topics for number in self._partitions]
            committed = await self.broker.committed(self._group, places)
            for place, offset in committed.items():
                await self._catch_up(place, offset or 0)
        self._whole = True

    async def _catch_up(self, place: tuple[str, int], stop: int) -> None:
        """Build what the table lacks from the topic. What follows from those records was
        published before their offsets were committed, so it is not published again."""
        start = self.store.applied(*place) or 0
        if start >= stop:
            return
        logger.info(
            "%s: its table is at %s/%d offset %d, its group at %d; reading the records between",
            self.name,
            *place,
            start,
            stop,
        )
        while missed := await self.broker.read(*place, start, stop):
            for earlier in missed:
                self._apply(earlier)
            start = missed[-1].offset + 1
            self.store.advance(*place, start)
            self.store.commit()

    def _apply(self, record: Incoming) -> list[Outgoing]:
        if record.is_filler:
            return []
        self.store.begin()
        try:
            return list(self._handler.apply(record, self._table(record.partition)))
        except UNUSABLE as error:
            self.store.undo()
            return [self.dead_letter(record, error)]

    def _table(self, partition: int) -> Table:
        return self.store.table(str(partition) if self._scope == "partition" else "all")

    async def _flush(self, handler: Flushing, *, everything: bool = False) -> None:
        table = self._table(0)
        await asyncio.to_thread(handler.flush, table, everything=everything)
        self.store.commit()

    async def _watch_clock(self) -> None:
        """Do what is due when its time comes; sleep until then or until records have come."""
        while not self.failed.done():
            self._stirred.clear()
            try:
                async with self._busy:
                    wait = await self._do_what_is_due() if self._opened else None
            except Exception as error:  # noqa: BLE001 - as for records: the supervisor starts anew
                self.fail(error)
                return
            try:
                await asyncio.wait_for(self._stirred.wait(), wait)
            except TimeoutError:
                continue

    async def _do_what_is_due(self) -> float | None:
        """Return in how many seconds to look again, or None for not before records come."""
        if isinstance(self._handler, Beginning) and not self._begun:
            await self._empty_outbox()
            await self._post(list(self._handler.begin(self._table(0))))
            self._begun = True
        if isinstance(self._handler, Flushing):
            await self._complete()
            if self._handler.flush_in() == 0:
                await self._flush(self._handler)
            return self._handler.flush_in()
        if isinstance(self._handler, Timed):
            waits = [await self._close(self._handler, p) for p in sorted(self._partitions)]
            return min((wait for wait in waits if wait is not None), default=None)
        return None

    async def _close(self, handler: Timed, partition: int) -> float | None:
        """Do what is due in one partition, once all that came before now has been applied."""
        table = self._table(partition)
        now_ms = int(time.time() * 1000)
        while (at := handler.next_due(table)) is not None:
            if at > now_ms:
                return (at - now_ms) / 1000
            if not await self._is_current(partition):
                return BEHIND
            if handler.next_due(table) != at:
                continue
            await self.broker.publish(list(handler.due(now_ms, table)))
            self.store.commit()
        return None

    async def _is_current(self, partition: int) -> bool:
        """Whether the table has all records of a partition, once it has what its group has had.

        A partition that another worker had for a while comes back with a table that lacks what was
        done there; no record need come that would tell.
        """
        current = True
        for topic in self.topics:
            place = (topic, partition)
            applied = self.store.applied(*place) or 0
            end = await self.broker.end(*place)
            if applied < end:
                committed = (await self.broker.committed(self._group, [place]))[place] or 0
                await self._catch_up(place, committed)
                current = current and end <= committed
        return current


def _records(event: Any) -> int:
    return len(event.value)


def _packed(record: Outgoing) -> bytes:
    value = None if record.value is None else record.value.decode()
    return orjson.dumps((record.topic, record.key.decode(), value))


def _unpacked(packed: bytes) -> Outgoing:
    topic, key, value = orjson.loads(packed)
    return Outgoing(topic, key.encode(), None if value is None else value.encode())


def _firsts(records: Iterable[Incoming]) -> dict[tuple[str, int], int]:
    """Return the offset of the first record of each topic and partition."""
    firsts: dict[tuple[str, int], int] = {}
    for record in records:
        firsts.setdefault((record.topic, record.partition), record.offset)
    return firsts
