"""Faust's consumer on the embedded log.

It reads in the event loop's own process, without a thread of its own, and sleeps on the pipes of
`wake` when there is nothing to read.

Where this departs from Faust's base class, which was written around Kafka's:

* Records are handed on one after the other, without four tasks for each, or many in one message;
  see `bundle`.
* What is fetched and cannot be delivered (its partition was paused or its buffer is full) is
  fetched again later. The base class drops it and relies on a seek that may not come.
* It waits for events, not for a second, while no partition is active.
* An offset is committed only when all before it are acknowledged. The base class commits past one
  that is not, if it is the first after the last commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from faust.transport.base import Consumer as BaseConsumer
from faust.types import TP, ConsumerMessage
from mode import Seconds, Service
from mode.types import ServiceT

from streams.embedded.bundle import bundled, bundles, to_message
from streams.embedded.group import Membership
from streams.embedded.inflight import Inflight
from streams.embedded.log import Log
from streams.embedded.partitioner import Partitioner
from streams.embedded.producer import Producer
from streams.embedded.progress import Progress
from streams.embedded.records import LogError, Partition, Record
from streams.embedded.wake import Bell

if TYPE_CHECKING:
    from streams.embedded.transport import Transport

#: Seconds after which a consumer looks at the log although nothing woke it.
_LOOK_EVERY = 2.0

#: What one fetch may bring, of all partitions together.
_FETCH_RECORDS = 500
_FETCH_BYTES = 4 * 1024 * 1024

#: Bytes of large records that may be on their way through the app.
_INFLIGHT_BYTES = 64 * 1024 * 1024

#: Records between two chances for other tasks to run.
_YIELD_EVERY = 50


class Consumer(BaseConsumer):
    """Reads for one consumer group, the app's id; obtained as ``app.consumer``."""

    transport: Transport

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._look = asyncio.Event()
        super().__init__(*args, **kwargs)
        self._assigned: set[TP] = set()
        self._positions: dict[TP, int] = {}
        self._progress: Progress[TP] = Progress()
        #: Changes with every seek and assignment: what was fetched before is void then.
        self._epoch = 0
        self._inflight = Inflight(_INFLIGHT_BYTES, self._look.set)
        self._partitioner = Partitioner(self.app.producer.partitioner)
        self._membership: Membership | None = None
        self._bell: Bell | None = None
        self._joining: asyncio.Task[None] | None = None

    @property
    def _log(self) -> Log:
        return self.transport.log

    @property
    def _group(self) -> str:
        return str(self.app.conf.id)

    # Life

    async def on_start(self) -> None:
        """Open the log."""
        self.transport.acquire()

    async def on_stop(self) -> None:
        """Commit, and let the next member of the group take over."""
        try:
            if self._joining is not None:
                self._joining.cancel()
                with suppress(asyncio.CancelledError):
                    await self._joining
            await super().on_stop()
        finally:
            self._silence()
            if self._membership is not None:
                self._membership.leave()
            self.transport.release()

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Read these topics from now on, as soon as this member is the active one.

        Topics that do not exist are declared as the app describes them.
        """
        names = set(topics)
        if self._joining is not None:
            self._joining.cancel()
        self._joining = asyncio.create_task(self._join(names))

    async def _join(self, topics: set[str]) -> None:
        try:
            await self._declare(topics)
            if self.app.client_only:
                await self._read_newest(topics)
                return
            if self._membership is None:
                self._membership = Membership(self._log, self._group)
            generation = await self._membership.join()
            self._listen(topics)
            await self._assign(topics, generation)
        except Exception as error:  # noqa: BLE001 - a task nobody awaits; the app must not go on
            await self.crash(error)

    async def _declare(self, topics: set[str]) -> None:
        existing = {topic.name for topic in await asyncio.to_thread(self._log.topics)}
        missing = topics - existing
        for channel in list(self.app.topics):
            if not missing.isdisjoint(channel.topics):
                await channel.declare()

    async def _assign(self, topics: set[str], generation: int) -> None:
        app = self.app
        app.on_rebalance_start()
        await self.on_partitions_revoked(set(self._assigned))
        assigned = self.transport.assign(topics)
        self._assigned = assigned
        self._positions.clear()
        self._epoch += 1
        # Streams pass over whatever was fetched for another generation.
        app.consumer_generation_id = generation
        await self.on_partitions_assigned(assigned, generation)

    async def _read_newest(self, topics: set[str]) -> None:
        self._assigned = self.transport.partitions(topics)
        self._positions.update(await self.highwaters(*self._assigned))
        self._listen(topics)
        self._look.set()

    def _listen(self, topics: set[str]) -> None:
        self._silence()
        # A changelog is read in recovery only, up to where it ends then.
        self._bell = Bell(
            self._log.database.side,
            topics - self.app.tables.changelog_topics,
        )
        for fd in self._bell.descriptors:
            self.loop.add_reader(fd, self._on_bell)

    def _silence(self) -> None:
        if self._bell is not None:
            for fd in self._bell.descriptors:
                self.loop.remove_reader(fd)
            self._bell.close()
            self._bell = None

    def _on_bell(self) -> None:
        if self._bell is not None:
            self._bell.silence()
        self._look.set()

    # Fetching

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        while not (self.should_stop or cast(Service, fetcher).should_stop):
            if not self.flow_active:
                await self.wait(self.can_resume_flow.wait())
                continue
            records = await self._getmany(self._fetchable(), _LOOK_EVERY)
            if records:
                await self._deliver(records)

    def _fetchable(self) -> set[TP]:
        return set(self._assigned) if self.app.client_only else set(self._get_active_partitions())

    async def _getmany(
        self,
        active_partitions: set[TP] | None,
        timeout: float,  # noqa: ASYNC109 - Faust's signature
    ) -> dict[TP, list[Record]]:
        """What there is to read, waiting for it up to ``timeout`` seconds.

        Positions move past what is returned.
        """
        self._look.clear()
        found = await self._fetch(active_partitions)
        if not found:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._look.wait()
            self._look.clear()
            found = await self._fetch(self._fetchable())
        return found

    async def _fetch(self, partitions: set[TP] | None) -> dict[TP, list[Record]]:
        wanted = self._assigned if partitions is None else partitions
        positions: dict[Partition, int] = {
            tp: self._positions[tp] for tp in wanted if tp in self._positions
        }
        room = min(_FETCH_BYTES, self._inflight.room)
        if not positions or not room or not self.flow_active:
            return {}
        epoch = self._epoch
        found = await asyncio.to_thread(
            self._log.read_many, positions, max_records=_FETCH_RECORDS, max_bytes=room
        )
        if epoch != self._epoch:
            return {}
        records = {cast(TP, tp): batch for tp, batch in found.items()}
        for tp, batch in records.items():
            self._positions[tp] = batch[-1].offset + 1
        # The next fetch begins with whoever was left out of this one.
        for tp in records:
            self._positions[tp] = self._positions.pop(tp)
        return records

    async def _deliver(self, records: Mapping[TP, list[Record]]) -> None:
        epoch = self._epoch
        generation = self.app.consumer_generation_id
        for tp, batch in records.items():
            acks = self.app.topics.acks_enabled_for(tp.topic)
            for number, (first, message) in enumerate(self._messages(tp, batch)):
                if (
                    self._epoch != epoch
                    or self.app.consumer_generation_id != generation
                    or self.should_stop
                ):
                    return
                if not self.flow_active or not self._wants(tp):
                    self._positions[tp] = first
                    break
                self._inflight.add(message, message.serialized_value_size)
                if acks:
                    self._progress.deliver(tp, message.offset, first)
                await self.callback(message)
                self._read_offset[tp] = message.offset
                if self._commit_every is not None and self._n_acked >= self._commit_every:
                    self._n_acked = 0
                    await self.commit()
                if number % _YIELD_EVERY == _YIELD_EVERY - 1:
                    await asyncio.sleep(0)
            if self._epoch == epoch:
                self.app.monitor.track_tp_end_offset(tp, self._positions[tp])
        await asyncio.sleep(0)

    def _messages(self, tp: TP, records: list[Record]) -> Iterator[tuple[int, ConsumerMessage]]:
        """Yield messages, each with the offset of its first record."""
        if bundled(self.app, tp.topic):
            for bundle in bundles(records):
                message = to_message(tp, bundle, self.app.consumer_generation_id)
                yield bundle[0].offset, message
        else:
            for record in records:
                yield record.offset, self._to_message(tp, record)

    def _wants(self, tp: TP) -> bool:
        return self.app.client_only or tp in self._get_active_partitions()

    def _new_offset(self, tp: TP) -> int | None:
        offset = self._progress.advance(tp, self._acked_index[tp])
        if offset is not None:
            self._acked[tp][:] = [later for later in self._acked[tp] if later >= offset]
        return offset

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            record.offset,
            record.time_ms / 1000.0,
            0,
            list(record.headers),
            record.key,
            record.value,
            None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    # Whatever may make a partition readable ends the wait for one.

    def resume_partitions(self, tps: Iterable[TP]) -> None:
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

    # Positions

    def assignment(self) -> set[TP]:
        """The partitions this member reads; none while it stands by."""
        return self._assigned

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Go to what the group has committed, or to the start of what it has not read before."""
        assigned = set(self._assigned)
        committed = await asyncio.to_thread(self._log.committed, self._group, assigned)
        bounds = await asyncio.to_thread(self._log.bounds, assigned)
        fresh = 1 if self.app.conf.consumer_auto_offset_reset == "latest" else 0
        found: dict[TP, int] = {}
        for tp in assigned:
            offset = committed[tp]
            low, high = bounds[tp]
            if offset is not None and offset > high:
                self.log.warning("%r was committed at %r but ends at %r", tp, offset, high)
                offset = low
            found[tp] = bounds[tp][fresh] if offset is None else max(offset, low)
        self._progress.start(found)
        self._move(found)
        return found

    async def _seek(self, partition: TP, offset: int) -> None:
        # Whoever goes forward does not want what lies between.
        self._progress.skip_to(partition, offset)
        self._move({partition: offset})

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Go to these offsets."""
        self._move(partitions)
        self._read_offset.update(
            {tp: offset if offset else None for tp, offset in partitions.items()}
        )

    def _move(self, positions: Mapping[TP, int]) -> None:
        self._positions.update(positions)
        self._epoch += 1
        self._look.set()

    async def position(self, tp: TP) -> int | None:
        """The offset to be fetched next."""
        return self._positions.get(tp)

    def highwater(self, tp: TP) -> int:
        """The offset that the partition's next record will have."""
        return self._log.high_water(*tp)

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """`highwater` of each."""
        bounds = await asyncio.to_thread(self._log.bounds, partitions)
        return {tp: bounds[tp][1] for tp in partitions}

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """The first offset that each partition still has."""
        bounds = await asyncio.to_thread(self._log.bounds, partitions)
        return {tp: bounds[tp][0] for tp in partitions}

    async def offsets_for_times(self, times: Mapping[TP, int]) -> dict[TP, int | None]:
        """For each partition the first offset at or after a time in milliseconds, or None."""
        return {
            tp: await asyncio.to_thread(self._log.offset_for_time, *tp, time_ms)
            for tp, time_ms in times.items()
        }

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        failure = cast(Producer, self.app.producer).failure
        if failure is not None:
            # What it lost was made of records that then have to be read again.
            self.log.warning("offsets are not committed: %s", failure)
            return False
        try:
            await asyncio.to_thread(
                self._log.commit,
                self._group,
                cast(Mapping[Partition, int], offsets),
                generation=self.app.consumer_generation_id,
            )
        except LogError as error:
            await self.crash(error)
            return False
        return True

    # Topics

    def topic_partitions(self, topic: str) -> int | None:
        """How many partitions the topic has; None if there is no such topic."""
        found = self._log.topic(topic)
        return found.partitions if found else None

    def key_partition(
        self, topic: str, key: bytes | None, partition: int | None = None
    ) -> int | None:
        """Where a record with this key goes; None if there is no such topic."""
        count = self.topic_partitions(topic)
        if count is None or partition is not None:
            return None if count is None else partition
        return self._partitioner(key, count)

    async def create_topic(
        self,
        topic: str,
        partitions: int,
        replication: int,  # noqa: ARG002 - Faust's signature; there is one copy of the log
        *,
        config: Mapping[str, Any] | None = None,
        retention: Seconds | None = None,
        compacting: bool | None = None,
        **_: Any,
    ) -> None:
        """Declare a topic; see `Transport.create_topic`."""
        await self.transport.create_topic(
            topic, partitions, config=config, retention=retention, compacting=compacting
        )

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    async def verify_all_partitions_active(self) -> None:
        """Nothing: there is no connection that could hang."""
