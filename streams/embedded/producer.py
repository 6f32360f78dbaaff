"""Faust's producer on the embedded log."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import faust
from faust.exceptions import ProducerSendError
from faust.transport.base import Producer as BaseProducer
from faust.transport.producer import ProducerBuffer
from faust.types import TP, FutureMessage, HeadersArg, RecordMetadata
from mode import Seconds, Service

from streams.embedded.appender import Appender
from streams.embedded.compaction import maintain
from streams.embedded.log import Log
from streams.embedded.partitioner import Partitioner
from streams.embedded.records import Entry, Headers, LogError

if TYPE_CHECKING:
    from streams.embedded.transport import Transport

#: Seconds between two looks at what retention and compaction would delete.
_MAINTAIN_EVERY = 60.0

#: ... even if this process has appended nothing: that many looks.
_MAINTAIN_ANYWAY = 60


class Outgoing(NamedTuple):
    """One record of a batch; without ``time_ms`` it gets the present time."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    time_ms: int | None = None
    partition: int | None = None


class Producer(BaseProducer):
    """Appends to the log; obtained as ``app.producer``."""

    transport: Transport

    def __init__(self, transport: Transport, **kwargs: Any) -> None:
        super().__init__(transport, **kwargs)
        self.buffer = _Buffer(self, loop=self.loop, beacon=self.beacon)
        self.buffer.app = self.app
        self._place = Partitioner(self.partitioner)
        self._partitions: dict[str, int] = {}
        self._appender = Appender(self._append, self._on_lost)
        self._appended = False
        self._failure: ProducerSendError | None = None

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
            await self._appender.flush()
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
            raise ProducerSendError("an earlier record was lost") from self._failure
        self.app.on_produce_message.send(
            key=key, value=value, partition=partition, timestamp=timestamp, headers=headers
        )
        size = len(key or b"") + len(value or b"")
        limit = self._log.max_record_bytes
        if size > limit:
            raise ProducerSendError(f"a record of {size} bytes for {topic}; the limit is {limit}")
        return self._appender.put(
            Entry(
                topic,
                self._partition(topic, key, partition),
                round((time.time() if timestamp is None else timestamp) * 1000),
                key,
                value,
                _headers(headers),
            )
        )

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
        await self._appender.put_batch(entries)

    async def wait_for_room(self) -> None:
        """Wait while more is pending than should be held in memory."""
        await self._appender.wait_for_room()

    async def flush(self) -> None:
        """Wait until all that was sent is durable, or `failure` says why some of it is not."""
        await self._appender.flush()

    @property
    def failure(self) -> ProducerSendError | None:
        """Why a record sent by `send` was lost; None if none was.

        The app has crashed then, and its consumer commits nothing more.
        """
        return self._failure

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

    # Appending

    def _append(self, entries: Sequence[Entry]) -> list[int]:
        self._appended = True
        return self._log.append_many(entries)

    @Service.task
    async def _append_pending(self) -> None:
        # Until it is cancelled: when the service stops, `on_stop` waits for what is left.
        await self._appender.run()

    async def _on_lost(self, failure: ProducerSendError) -> None:
        # Offsets must not be committed past what was lost, so nothing goes on from here.
        if self._failure is None:
            self._failure = failure
            await self.crash(failure)

    @Service.task
    async def _maintain(self) -> None:
        looks = 0
        async for _ in self.itertimer(_MAINTAIN_EVERY, name="embedded.maintain"):
            looks += 1
            if self._appended or looks % _MAINTAIN_ANYWAY == 0:
                self._appended = False
                try:
                    await asyncio.to_thread(maintain, self._log, int(time.time() * 1000))
                except LogError as error:
                    self.log.warning("retention and compaction have to wait: %s", error)


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


def _headers(headers: HeadersArg | None) -> Headers:
    if not headers:
        return ()
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return tuple((name, value) for name, value in pairs)
