"""Faust's aiokafka driver, steadier and faster: ``broker="clawback-kafka://host:9092"``.

What differs from the driver that Faust has under ``kafka://``:

* An offset is committed only when all before it are acknowledged; see `Floors`.
* Records are handed on one after the other, without four tasks for each.
* Large records on their way through the app are bounded by their bytes, not by their number.
* What was fetched and can't be handed on, as its partition was paused, is fetched again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar, cast

from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode import Service
from mode.types import ServiceT

from streams.embedded.inflight import Inflight
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
        self._seeks = 0

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
        active = None if self.app.client_only else self._fetchable()
        seeks, generation = self._seeks, self.app.consumer_generation_id
        records = await self._getmany(active, _WAIT)
        handed = 0
        for place, batch in records.items():
            tp = ensure_TP(place)
            acks = self.app.topics.acks_enabled_for(tp.topic)
            for record in batch:
                if (
                    self._seeks != seeks
                    or self.app.consumer_generation_id != generation
                    or not self.flow_active
                    or self.should_stop
                ):
                    # A rebalance or a seek: what is to be read now is read from its new position.
                    return
                if self._is_paused(tp):
                    await super()._seek(tp, record.offset)
                    break
                message = self._to_message(tp, record)
                self._inflight.add(message, message.serialized_value_size)
                if acks:
                    self._floors.deliver(tp, record.offset)
                await self.callback(message)
                self._read_offset[tp] = record.offset
                handed += 1
                if handed % _YIELD_EVERY == 0:
                    await asyncio.sleep(0)
            self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
        await asyncio.sleep(0)

    def _is_paused(self, tp: TP) -> bool:
        return tp in self._paused_partitions

    # What may be committed

    def _new_offset(self, tp: TP) -> int | None:
        offset = self._floors.rise(tp, self._acked_index[tp])
        if offset is not None:
            self._acked[tp][:] = [later for later in self._acked[tp] if later >= offset]
        return offset

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Forget where these partitions stood."""
        for tp in revoked:
            self._floors.forget(tp)
        await super().on_partitions_revoked(revoked)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Go to what the group has committed."""
        self._seeks += 1
        committed = await super().seek_to_committed()
        self._floors.reset({ensure_TP(tp): offset for tp, offset in committed.items()})
        return committed

    async def _seek(self, partition: TP, offset: int) -> None:
        self._seeks += 1
        self._floors.skip_to(ensure_TP(partition), offset)
        await super()._seek(partition, offset)

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Go to these offsets."""
        self._seeks += 1
        await super().seek_wait(partitions)

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
