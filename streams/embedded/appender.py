"""Group commit: whatever is sent while one append is on its way to the disk shares the next one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from faust.exceptions import ProducerSendError
from faust.types import TP, RecordMetadata

from streams.embedded.records import Entry

#: Bytes that go into one append, unless what was put at once is larger.
_APPEND_BYTES = 4 * 1024 * 1024

#: Bytes accepted and not yet appended beyond which senders wait.
_PENDING_BYTES = 16 * 1024 * 1024

#: What a record costs in memory beside its key and value.
_OVERHEAD_BYTES = 256


class _Pending(NamedTuple):
    entries: Sequence[Entry]
    size: int
    done: asyncio.Future[Any]
    #: A batch's future has no result; a single record's has its metadata.
    batch: bool


class Appender:
    """Appends what it is given, in order, with one append at a time.

    Args:
        append: the log's; it is called in a thread.
        on_lost: called when a single record could not be appended. Nobody need be looking at
            such a record's future; whoever put a batch waits for it.
    """

    def __init__(
        self,
        append: Callable[[Sequence[Entry]], list[int]],
        on_lost: Callable[[ProducerSendError], Awaitable[None]],
    ) -> None:
        self._append = append
        self._on_lost = on_lost
        self._pending: deque[_Pending] = deque()
        self._pending_bytes = 0
        self._ready = asyncio.Event()
        self._room = asyncio.Event()

    def put(self, entry: Entry) -> asyncio.Future[RecordMetadata]:
        """Take one record; the future has its metadata when it is durable."""
        return self._put((entry,), batch=False)

    def put_batch(self, entries: Sequence[Entry]) -> asyncio.Future[None]:
        """Take records that are appended all or none; the future is done when they are durable."""
        return self._put(entries, batch=True)

    def _put(self, entries: Sequence[Entry], *, batch: bool) -> asyncio.Future[Any]:
        size = sum(len(e[3] or b"") + len(e[4] or b"") + _OVERHEAD_BYTES for e in entries)
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending.append(_Pending(entries, size, done, batch))
        self._pending_bytes += size
        self._ready.set()
        return done

    async def wait_for_room(self) -> None:
        """Wait while more is pending than should be held in memory."""
        while self._pending_bytes > _PENDING_BYTES:
            self._room.clear()
            await self._room.wait()

    async def flush(self) -> None:
        """Wait until what has been put so far is appended or has failed."""
        # Not until nothing is pending: under load that moment may never come.
        if self._pending_bytes:
            await self.put_batch(())

    async def run(self) -> None:
        """Append until cancelled."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            while self._pending:
                await self._append_together(self._gather())

    def _gather(self) -> list[_Pending]:
        gathered = [self._pending.popleft()]
        size = gathered[0].size
        while self._pending and size + self._pending[0].size <= _APPEND_BYTES:
            size += self._pending[0].size
            gathered.append(self._pending.popleft())
        return gathered

    async def _append_together(self, gathered: Sequence[_Pending]) -> None:
        if len(gathered) == 1:
            entries = gathered[0].entries
        else:
            entries = [entry for pending in gathered for entry in pending.entries]
        try:
            offsets = await asyncio.to_thread(self._append, entries) if entries else []
        except Exception as error:  # noqa: BLE001 - whatever it is, those who sent must hear of it
            if len(gathered) == 1:
                await self._lose(gathered[0], error)
            else:
                # Once more, each for itself, so that only those hear of it whose fault it is.
                for pending in gathered:
                    await self._append_together([pending])
            return
        at = 0
        for pending in gathered:
            self._forget(pending)
            if not pending.done.done():
                pending.done.set_result(
                    None if pending.batch else _metadata(pending.entries[0], offsets[at])
                )
            at += len(pending.entries)

    async def _lose(self, pending: _Pending, error: Exception) -> None:
        self._forget(pending)
        failure = ProducerSendError(f"Error while sending: {error}")
        failure.__cause__ = error
        if not pending.done.done():
            pending.done.set_exception(failure)
        if not pending.batch:
            await self._on_lost(failure)

    def _forget(self, pending: _Pending) -> None:
        self._pending_bytes -= pending.size
        if self._pending_bytes <= _PENDING_BYTES:
            self._room.set()


def _metadata(entry: Entry, offset: int) -> RecordMetadata:
    tp = TP(entry.topic, entry.partition)
    return RecordMetadata(*tp, tp, offset, entry.time_ms, 0)
