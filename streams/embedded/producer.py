"""Faust's producer on the embedded log.

Whatever is sent while one append is on its way to the disk is gathered for the next: one record
alone goes out at once, and many share one transaction.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import faust
from faust.exceptions import ProducerSendError
from faust.transport.base import Producer as BaseProducer
from faust.transport.producer import ProducerBuffer
from faust.types import TP, FutureMessage, HeadersArg, RecordMetadata
from mode import Seconds, Service

from streams.embedded.compaction import maintain
from streams.embedded.log import Log
from streams.embedded.partitioner import Partitioner
from streams.embedded.records import Entry, Headers, LogError

if TYPE_CHECKING:
    from streams.embedded.transport import Transport

#: Bytes that go into one append, unless a single `send_many` is larger.
_APPEND_BYTES = 4 * 1024 * 1024

#: Bytes accepted and not yet appended beyond which senders wait.
_PENDING_BYTES = 16 * 1024 * 1024

#: Seconds between two looks at what retention and compaction would delete.
_MAINTAIN_EVERY = 60.0

#: What a record costs in memory beside its value.
_OVERHEAD_BYTES = 256


class Outgoing(NamedTuple):
    """One record of a batch; without ``time_ms`` it gets the present time."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    time_ms: int | None = None
    partition: int | None = None


class _Pending(NamedTuple):
    entries: Sequence[Entry]
    size: int
    done: asyncio.Future[Any]
    #: A batch's future has no result; a single record's has its metadata.
    batch: bool


class Producer(BaseProducer):
    """Appends to the log; obtained as ``app.producer``."""

    transport: Transport

    def __init__(self, transport: Transport, **kwargs: Any) -> None:
        super().__init__(transport, **kwargs)
        self.buffer = _Buffer(self, loop=self.loop, beacon=self.beacon)
        self.buffer.app = self.app
        self._place = Partitioner(self.partitioner)
        self._partitions: dict[str, int] = {}
        self._pending: deque[_Pending] = deque()
        self._pending_bytes = 0
        self._appended = False
        self._ready = asyncio.Event()
        self._room = asyncio.Event()
        self._failure: BaseException | None = None

    @property
    def _log(self) -> Log:
        return self.transport.log

    async def on_start(self) -> None:
        """Open the log."""
        self.transport.acquire()
        await super().on_start()

    async def on_stop(self) -> None:
        """Append what is pending; close the log if the consumer has let go of it too."""
        try:
            await self._barrier()
        finally:
            self.transport.release()

    # Sending

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: HeadersArg | None,
        *,
        transactional_id: str | None = None,
    ) -> Awaitable[RecordMetadata]:
        """Take a record; the future returned is done when it is durable.

        Args:
            topic: made with the app's ``topic_partitions`` if there is none.
            timestamp: seconds since the epoch; None for now.

        Raises:
            ProducerSendError: there is no such partition, the record is too large, or an earlier
                record could not be appended. The future raises it when this one cannot.
        """
        if transactional_id is not None:
            raise ProducerSendError("the embedded broker has no transactions")
        await self.wait_for_room()
        return self.send_now(topic, key, value, partition, timestamp, headers)

    def send_now(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: HeadersArg | None,
    ) -> asyncio.Future[RecordMetadata]:
        """`send` for callers that cannot wait for room."""
        if self._failure is not None:
            raise ProducerSendError(f"Error while sending: {self._failure}") from self._failure
        self.app.on_produce_message.send(
            key=key, value=value, partition=partition, timestamp=timestamp, headers=headers
        )
        entry = Entry(
            topic,
            self._partition(topic, key, partition),
            round((time.time() if timestamp is None else timestamp) * 1000),
            key,
            value,
            _headers(headers),
        )
        size = len(key or b"") + len(value or b"") + _OVERHEAD_BYTES
        self._refuse_large(topic, size - _OVERHEAD_BYTES)
        return self._enqueue([entry], size, batch=False)

    async def send_and_wait(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: HeadersArg | None,
        *,
        transactional_id: str | None = None,
    ) -> RecordMetadata:
        """Append a record; durable when this returns.

        Raises:
            ProducerSendError: it was not appended.
        """
        sent = await self.send(
            topic, key, value, partition, timestamp, headers, transactional_id=transactional_id
        )
        return await sent

    async def send_many(self, topic: str, records: Sequence[Outgoing]) -> None:
        """Append all these records or none; durable when this returns.

        Memory: the caller's records, and at most 16 MiB of others before this waits for room.

        Raises:
            ProducerSendError: none was appended; the cause says why, and the caller may try again.
        """
        if not records:
            return
        await self.wait_for_room()
        now = int(time.time() * 1000)
        entries = [
            Entry(
                topic,
                self._partition(topic, key, partition),
                now if time_ms is None else time_ms,
                key,
                value,
                headers,
            )
            for key, value, headers, time_ms, partition in records
        ]
        size = sum(len(e.key or b"") + len(e.value or b"") + _OVERHEAD_BYTES for e in entries)
        await self._enqueue(entries, size, batch=True)

    async def wait_for_room(self) -> None:
        """Wait while more is pending than should be held in memory."""
        while self._pending_bytes > _PENDING_BYTES:
            self._room.clear()
            await self._room.wait()

    async def flush(self) -> None:
        """Wait until all that was sent is durable, or `failure` says why some of it is not."""
        await self._barrier()

    @property
    def failure(self) -> BaseException | None:
        """Why a record sent by `send` was lost; None if none was.

        The app has crashed then, and its consumer commits nothing more.
        """
        return self._failure

    async def _barrier(self) -> None:
        # Not until nothing is pending: under load that moment may never come.
        if self._pending_bytes:
            await self._enqueue((), 0, batch=True)

    def send_soon(self, fut: FutureMessage) -> None:
        """Take a table's changelog record, or what a plain function sends; never waits."""
        self.buffer.put(fut)

    # Topics

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

    def key_partition(self, topic: str, key: bytes | None) -> TP:
        """Where a record with this key goes."""
        return TP(topic, self._partition(topic, key, None))

    def supports_headers(self) -> bool:
        """Records have headers."""
        return True

    def _partition(self, topic: str, key: bytes | None, partition: int | None) -> int:
        count = self._partitions.get(topic)
        if count is None:
            try:
                count = self._partitions[topic] = self.transport.ensure_topic(topic)
            except LogError as error:
                raise ProducerSendError(f"Error while sending: {error}") from error
        if partition is None:
            return self._place(key, count)
        if not 0 <= partition < count:
            raise ProducerSendError(f"{topic} has {count} partitions, none has number {partition}")
        return partition

    def _refuse_large(self, topic: str, size: int) -> None:
        limit = self._log.max_record_bytes
        if size > limit:
            raise ProducerSendError(f"a record of {size} bytes for {topic}; the limit is {limit}")

    # Appending

    def _enqueue(
        self, entries: Sequence[Entry], size: int, *, batch: bool
    ) -> asyncio.Future[RecordMetadata]:
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending.append(_Pending(entries, size, done, batch))
        self._pending_bytes += size
        self._ready.set()
        return done

    @Service.task
    async def _append_pending(self) -> None:
        # Runs until it is cancelled: when the service stops, `on_stop` waits for what is left.
        while True:
            await self._ready.wait()
            self._ready.clear()
            while self._pending:
                await self._append(self._gather())

    @Service.task
    async def _maintain(self) -> None:
        async for _ in self.itertimer(_MAINTAIN_EVERY, name="embedded.maintain"):
            if self._appended:
                self._appended = False
                await asyncio.to_thread(maintain, self._log, int(time.time() * 1000))

    def _gather(self) -> list[_Pending]:
        gathered = [self._pending.popleft()]
        size = gathered[0].size
        while self._pending and size + self._pending[0].size <= _APPEND_BYTES:
            size += self._pending[0].size
            gathered.append(self._pending.popleft())
        return gathered

    async def _append(self, gathered: Sequence[_Pending]) -> None:
        if len(gathered) == 1:
            entries = gathered[0].entries
        else:
            entries = [entry for pending in gathered for entry in pending.entries]
        try:
            offsets = await asyncio.to_thread(self._log.append_many, entries) if entries else []
        except Exception as error:  # noqa: BLE001 - whatever it is, those who sent must hear of it
            await self._fail(gathered, error)
            return
        finally:
            self._pending_bytes -= sum(pending.size for pending in gathered)
            if self._pending_bytes <= _PENDING_BYTES:
                self._room.set()
        self._appended = True
        at = 0
        for pending in gathered:
            if not pending.done.done():
                pending.done.set_result(
                    None if pending.batch else _metadata(pending.entries[0], offsets[at])
                )
            at += len(pending.entries)

    async def _fail(self, gathered: Sequence[_Pending], error: Exception) -> None:
        """Tell those who sent; one at a time first, so that only the guilty hear of it."""
        if len(gathered) > 1:
            for pending in gathered:
                await self._append([pending])
            return
        (pending,) = gathered
        failure = ProducerSendError(f"Error while sending: {error}")
        failure.__cause__ = error
        if not pending.done.done():
            pending.done.set_exception(failure)
        if not pending.batch and self._failure is None:
            # Nobody need be looking at a single record's future, a table's changelog least of
            # all. Offsets must not be committed past what was lost, so nothing goes on from here.
            self._failure = error
            await self.crash(failure)


class _Buffer(ProducerBuffer):
    """Hands what plain functions send to the producer at once.

    Faust's own queues it for a task and makes consumers wait, a tenth of a second at a time, when
    more than a hundred are queued; a batch of table updates always is.
    """

    def __init__(self, producer: Producer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._producer = producer

    def put(self, fut: FutureMessage) -> None:
        message = fut.message
        channel = message.channel
        if not isinstance(channel, faust.Topic):
            super().put(fut)
            return
        producer = self._producer
        topic = channel.get_topic_name()
        state = producer.app.sensors.on_send_initiated(
            producer,
            topic,
            message=message,
            keysize=len(message.key or b""),
            valsize=len(message.value or b""),
        )
        sent = producer.send_now(
            topic,
            cast(bytes | None, message.key),
            cast(bytes | None, message.value),
            message.partition,
            message.timestamp,
            cast(HeadersArg | None, message.headers),
        )
        sent.add_done_callback(
            partial(channel._on_published, message=fut, producer=producer, state=state)
        )

    async def wait_until_ebb(self) -> None:
        await self._producer.wait_for_room()


def _metadata(entry: Entry, offset: int) -> RecordMetadata:
    tp = TP(entry.topic, entry.partition)
    return RecordMetadata(*tp, tp, offset, entry.time_ms, 0)


def _headers(headers: HeadersArg | None) -> Headers:
    if not headers:
        return ()
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return tuple((name, value) for name, value in pairs)
