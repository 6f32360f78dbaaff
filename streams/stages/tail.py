"""The stage `tail`: session files to `entries` and `tools`. The only one that no topic feeds."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from schemas.settings import Settings
from streams.broker import Broker
from streams.embedded.locks import FileLock
from streams.supervisor import leash
from streams.tail.checkpoint import Checkpoints
from streams.tail.tailer import Tailer

STANDBY = 0.5
"""Seconds between two looks of a second tailer at whether the first is gone."""


def make(name: str, settings: Settings, broker: Broker) -> TailStage:
    """Return the stage, not yet started."""
    return TailStage(name, settings, broker)


class TailStage:
    """Session files to `entries` and `tools`. One process tails; a second one waits for its place.

    Its checkpoints belong to one broker's data: on an empty log everything is published again.
    """

    def __init__(self, name: str, settings: Settings, broker: Broker) -> None:
        self.name = name
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._settings = settings
        self._broker = broker
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to follow the files."""
        self._task = asyncio.create_task(self._run(), name="tail")
        self._task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Stop reading. What was not acknowledged is read again at the next start."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        folder = self._settings.paths.home / "tail"
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "lock")
        try:
            while not lock.try_acquire():  # noqa: ASYNC110 - the event is another process's
                await asyncio.sleep(STANDBY)
            checkpoints = Checkpoints(folder / f"{self._broker.identity}.db")
            tailer = Tailer(
                self._settings,
                self._broker,
                checkpoints,
                paused=lambda yes: leash.paused(self.name, yes=yes),
            )
            try:
                await tailer.run()
            finally:
                tailer.close()
                checkpoints.close()
        finally:
            lock.close()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failed.set_exception(error)
