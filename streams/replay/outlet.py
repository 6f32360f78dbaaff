"""The way out for many that publish at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from streams.flow import Outgoing, Publisher


class Outlet:
    """Publishes what several tasks have in one batch, which costs the broker hardly more than one
    record. Each of them waits until its own are durable."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._waiting: list[tuple[Sequence[Outgoing], asyncio.Future[None]]] = []
        self._busy: asyncio.Task[None] | None = None

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Return once the records are durable.

        Raises:
            BrokerError: the broker is not there or refused a record of the batch.
        """
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((records, done))
        if self._busy is None:
            self._busy = asyncio.create_task(self._flush())
        await done

    async def drained(self) -> None:
        """Return once all that was given is durable or refused."""
        if self._busy is not None:
            await asyncio.shield(self._busy)

    async def _flush(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                try:
                    await self._publisher.publish([one for records, _ in batch for one in records])
                except Exception as error:  # noqa: BLE001 - each of those that wait is told
                    for _, done in batch:
                        if not done.done():
                            done.set_exception(error)
                else:
                    for _, done in batch:
                        if not done.done():
                            done.set_result(None)
        finally:
            self._busy = None
