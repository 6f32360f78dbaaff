"""Faust's aiokafka driver, steadier and faster: ``broker="clawback-kafka://host:9092"``.

What differs from the driver that Faust has under ``kafka://``:

* An offset is committed only when all before it are acknowledged; see `Floors`.
* Records are handed on one after the other, without four tasks for each, or many in one message;
  see `streams.embedded.bundle`.
* Large records on their way through the app are bounded by their bytes, not by their number.
* What was fetched and can't be handed on (its partition was paused, the group was rebalanced) is
  fetched again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, cast

from aiokafka.errors import IllegalStateError
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage
from mode import Service
from mode.types import ServiceT

from streams.embedded.bundle import bundled, bundles, to_message
from streams.embedded.inflight import Inflight
from streams.embedded.records import Record
from streams.kafka.floors import Floors

_INFLIGHT_BYTES = 64 << 20
_WAIT = 1.0
_YIELD_EVERY = 50


class Consumer(driver.Consumer):
    """Reads for one consumer group, the app's id; obtained as ``app.consumer``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._look = asyncio.Event()
        super().__init__(*args, **kwargs)
        self._floors = Floors()
        self._inflight = Inflight(_INFLIGHT_BYTES, self._look.set)
        #: The offset to hand on next. The client's own position is ahead of it by what it has
        #: returned and nobody has handed on.
        self._next: dict[TP, int] = {}
        #: Changes with every seek and assignment: what was asked for before is void then.
        self._epoch = 0
        self._moving = asyncio.Lock()

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        try:
            while not (self.should_stop or cast(Service, fetcher).should_stop):
                if not self.flow_active:
                    await self.wait(self.can_resume_flow.wait())
                elif not self._inflight.room or not self._fetchable():
                    await self._wait_for_change()
                else:
                    await self._fetch_and_deliver()
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise

    def _fetchable(self) -> set[TP]:
        return self.assignment() if self.app.client_only else set(self._get_active_partitions())

    async def _wait_for_change(self) -> None:
        self._look.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_WAIT):
                await self._look.wait()

    async def _fetch_and_deliver(self) -> None:
        epoch = self._epoch
        fetched = await self._getmany(None if self.app.client_only else self._fetchable(), _WAIT)
        batches = {ensure_TP(place): batch for place, batch in fetched.items()}
        for tp, batch in batches.items():
            await self._deliver(tp, batch, epoch)
        left = [
            tp
            for tp, batch in batches.items()
            if batch and self._next.get(tp, batch[-1].offset + 1) <= batch[-1].offset
        ]
        if left or epoch != self._epoch:
            await self._fetch_again(batches.keys())
        await asyncio.sleep(0)

    async def _deliver(self, tp: TP, batch: Sequence[Any], epoch: int) -> None:
        acks = self.app.topics.acks_enabled_for(tp.topic)
        for number, (first, message) in enumerate(self._messages(tp, batch)):
            if (
                self._epoch != epoch
                or not self.flow_active
                or self.should_stop
                or tp in self._paused_partitions
            ):
                return
            self._inflight.add(message, message.serialized_value_size)
            if acks:
                self._floors.deliver(tp, message.offset, first)
            await self.callback(message)
            if self._epoch != epoch:
                return
            self._read_offset[tp] = message.offset
            self._next[tp] = message.offset + 1
            if number % _YIELD_EVERY == _YIELD_EVERY - 1:
                await asyncio.sleep(0)
        self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))

    def _messages(self, tp: TP, batch: Sequence[Any]) -> Iterator[tuple[int, ConsumerMessage]]:
        """Yield messages, each with the offset of its first record."""
        if bundled(self.app, tp.topic):
            records = [Record(one.offset, one.timestamp, one.key, one.value, ()) for one in batch]
            for bundle in bundles(records):
                message = to_message(tp, bundle, self.app.consumer_generation_id)
                yield bundle[0].offset, message
        else:
            for record in batch:
                yield record.offset, self._to_message(tp, record)

    # Positions

    async def _fetch_again(self, tps: Iterable[TP]) -> None:
        """Put the client back to what has not been handed on."""
        async with self._moving:
            assigned = self.assignment()
            for tp in tps:
                if tp in assigned and tp in self._next:
                    await self._place(tp, self._next[tp])

    async def _place(self, tp: TP, offset: int) -> None:
        """Move the client, in its own thread; a partition that is gone meanwhile is let be."""
        client = self._thread._ensure_consumer()
        with suppress(IllegalStateError):
            await self._thread.call_thread(client.seek, driver.ensure_aiokafka_TP(tp), offset)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Go to what the group has committed, or to the start of what it has not read before."""
        async with self._moving:
            self._epoch += 1
            committed = await super().seek_to_committed()
            found = {ensure_TP(tp): offset for tp, offset in committed.items()}
            fresh = [tp for tp, offset in found.items() if offset is None or offset < 0]
            if fresh:
                latest = self.app.conf.consumer_auto_offset_reset == "latest"
                ask = self.highwaters if latest else self.earliest_offsets
                found |= {ensure_TP(tp): offset for tp, offset in (await ask(*fresh)).items()}
            for tp, offset in found.items():
                # The client lets a partition without a commit stay where it is.
                await self._place(tp, offset)
            self._floors.reset(found)
            self._next.update(found)
        return committed

    async def _seek(self, partition: TP, offset: int) -> None:
        tp = ensure_TP(partition)
        async with self._moving:
            self._epoch += 1
            self._floors.skip_to(tp, offset)
            self._next[tp] = offset
            await self._place(tp, offset)

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Go to these offsets."""
        async with self._moving:
            self._epoch += 1
            self._next.update({ensure_TP(tp): offset for tp, offset in partitions.items()})
            await super().seek_wait(partitions)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Forget where these partitions stood."""
        self._epoch += 1
        for tp in revoked:
            self._floors.forget(tp)
            self._next.pop(tp, None)
        await super().on_partitions_revoked(revoked)

    def _new_offset(self, tp: TP) -> int | None:
        offset = self._floors.advance(tp, self._acked_index[tp])
        if offset is not None:
            self._acked[tp][:] = [later for later in self._acked[tp] if later >= offset]
        return offset

    # What may make a partition readable ends the wait for one.

    def resume_partitions(self, tps: Any) -> None:
        """Fetch from these partitions again."""
        super().resume_partitions(tps)
        self._look.set()

    def on_buffer_drop(self, tp: TP) -> None:
        """A stream has room again for this partition."""
        super().on_buffer_drop(tp)
        self._look.set()

    def resume_flow(self) -> None:
        """Hand messages on again."""
        super().resume_flow()
        self._look.set()


class Transport(driver.Transport):
    """Faust's, with the consumer of this module."""

    Consumer: ClassVar[type[Consumer]] = Consumer
