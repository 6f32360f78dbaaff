"""The loop: find what is new, publish it, and only then take down that it was."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from schemas.settings import Settings
from streams.flow import BrokerError, Publisher
from streams.tail.checkpoint import CheckpointError, Checkpoints
from streams.tail.complaints import Complaints
from streams.tail.follower import Follower
from streams.tail.guard import open_guard
from streams.tail.transcript import Batch
from streams.tail.watch import Watch

_log = logging.getLogger(__name__)

BACKOFF_SECONDS = 0.1
BACKOFF_MAX_SECONDS = 5.0

MOVED_SECONDS = 0.05
"""How soon directories are read again when a file was not where it had just been seen."""

_T = TypeVar("_T")


class Tailer:
    """Follows the session files and publishes their lines.

    Delivery is at least once, and each transcript's records are in order. At most two batches are
    held at a time: one that waits for its acknowledgement, and the next one being read.

    Args:
        settings: `paths`, `tail` and `privacy` are used.
        publisher: the way out.
        checkpoints: where an earlier run came to. The tailer uses them alone, from its own thread.
        clock: seconds since the epoch, for `quiet` markers.
        paused: told whether it waits for the broker, or for room for its checkpoints.
    """

    def __init__(
        self,
        settings: Settings,
        publisher: Publisher,
        checkpoints: Checkpoints,
        *,
        clock: Callable[[], float] = time.time,
        paused: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._publisher = publisher
        self._checkpoints = checkpoints
        self._clock = clock
        self._paused = paused
        self._waits: set[str] = set()
        self._complaints = Complaints(_log)
        self._follower: Follower | None = None
        # Checkpoints of acknowledged batches that could not be written yet.
        self._unsaved = Batch()
        self._watch = Watch(settings.paths.openclaw)
        self._rescan_at = 0.0
        self._due = math.inf
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="tail")

    async def run(self) -> None:
        """Follow the files until cancelled.

        Raises:
            CheckpointError: the checkpoints can't be read.
            PrivacyError: the key of the placeholders, or what was forgotten, can't be read.
        """
        try:
            self._watch.start(asyncio.get_running_loop())
            self._rescan_at = 0.0
            while True:
                await self._catch_up()
                await self._watch.wait(self._pause())
        finally:
            self._watch.stop()

    async def drain(self) -> None:
        """Publish everything there is now, and return once it is acknowledged.

        Raises:
            CheckpointError: the checkpoints can't be read.
            PrivacyError: the key of the placeholders, or what was forgotten, can't be read.
        """
        self._rescan_at = 0.0
        await self._catch_up()

    def close(self) -> None:
        """Let go of the worker thread; the tailer can't be used any more."""
        self._worker.shutdown()

    async def _catch_up(self) -> None:
        delivery: asyncio.Task[None] | None = None
        try:
            while True:
                batch = await self._in_worker(self._next)
                if delivery is not None:
                    await delivery
                    delivery = None
                if batch is None:
                    return
                delivery = asyncio.create_task(self._deliver(batch))
        except BaseException:
            # The follower has read on past what was acknowledged: the next one starts from there.
            self._follower = None
            if delivery is not None:
                delivery.cancel()
                await asyncio.gather(delivery, return_exceptions=True)
            raise

    def _next(self) -> Batch | None:
        """Find what is new and read the next batch of it; None if there is nothing."""
        follower = self._follower
        if follower is None:
            self._unsaved = Batch()
            follower = self._follower = Follower(
                self._settings.paths.openclaw,
                self._checkpoints.load(),
                self._settings.tail,
                open_guard(self._settings),
                self._clock,
                self._complaints,
            )
            self._rescan_at = 0.0
        began = self._clock()
        certain = all(follower.look(path) for path in self._watch.take())
        if not certain or time.monotonic() >= self._rescan_at or self._clock() >= self._due:
            self._watch.refresh()
            follower.scan()
            self._rescan_at = time.monotonic() + self._settings.tail.rescan
        batch = follower.fill() if follower.ready else None
        if batch is not None and batch.moved:
            self._rescan_at = min(self._rescan_at, time.monotonic() + MOVED_SECONDS)
        # What is due and could not be done waits for the next rescan: its directory is away, or
        # it has changed just now.
        self._due = follower.due if follower.due > began else math.inf
        return batch

    def _pause(self) -> float:
        """Seconds until something is to be done even if no notification comes."""
        return max(0.0, min(self._rescan_at - time.monotonic(), self._due - self._clock()))

    async def _deliver(self, batch: Batch) -> None:
        if batch.records:
            await self._publish(batch)
        if batch.checkpoints:
            stored = await self._in_worker(lambda: self._store(batch))
            self._wait_for("checkpoints", yes=not stored)

    async def _publish(self, batch: Batch) -> None:
        wait = BACKOFF_SECONDS
        while True:
            try:
                await self._publisher.publish(batch.records)
            except BrokerError as error:
                self._complaints.say(
                    "broker",
                    f"can't publish to the broker: {error}; it is tried again until it works, "
                    "and nothing is lost meanwhile",
                )
                self._wait_for("broker", yes=True)
                await asyncio.sleep(wait)
                wait = min(wait * 2, BACKOFF_MAX_SECONDS)
            else:
                self._complaints.well("broker", "the broker takes records again")
                self._wait_for("broker", yes=False)
                return

    def _wait_for(self, what: str, *, yes: bool) -> None:
        waited = bool(self._waits)
        self._waits = self._waits | {what} if yes else self._waits - {what}
        if bool(self._waits) != waited:
            self._paused(bool(self._waits))

    def _store(self, batch: Batch) -> bool:
        """Write the checkpoints; return whether that could be done."""
        unsaved = self._unsaved
        for checkpoint in batch.checkpoints.values():
            unsaved.cover(checkpoint)
        try:
            self._checkpoints.store(unsaved.checkpoints.values())
        except CheckpointError as error:
            self._complaints.say(
                "checkpoints",
                f"{error}; lines are still published, but those since now would be sent again "
                "(with the same ids) after a restart. Make room or make the file writable",
            )
            return False
        unsaved.checkpoints.clear()
        self._complaints.well("checkpoints", "checkpoints are written again")
        return True

    async def _in_worker(self, call: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, call)
