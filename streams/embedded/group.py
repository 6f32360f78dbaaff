"""Membership of a consumer group: one member is active, the others stand by.

The active member holds a file lock for as long as it lives. The kernel frees it the moment that
process dies, however it dies, and hands it to one that waits: takeover is immediate and two can
never be active at once.
"""

from __future__ import annotations

import asyncio
import threading
from urllib.parse import quote

from streams.embedded.locks import FileLock
from streams.embedded.log import Log


class Membership:
    """This process's part in one group of one log.

    `join` and `leave` may be called again and again, but not at the same time.
    """

    def __init__(self, log: Log, group: str) -> None:
        self.group = group
        self._log = log
        folder = log.database.side / "groups"
        folder.mkdir(mode=0o700, exist_ok=True)
        self._path = folder / f"g-{quote(group, safe='')}"
        self._lock: FileLock | None = None

    @property
    def active(self) -> bool:
        """Whether the group is ours."""
        return self._lock is not None

    async def join(self) -> int:
        """Wait to become the active member and return the group's new generation.

        An active member that joins again stays active and gets a new generation. Can be cancelled
        while it waits.
        """
        if self._lock is None:
            lock = FileLock(self._path)
            if not lock.try_acquire():
                await _acquire(lock)
            self._lock = lock
        return await asyncio.to_thread(self._log.new_generation, self.group)

    def leave(self) -> None:
        """Let the next member take over; nothing if we are not active."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None


async def _acquire(lock: FileLock) -> None:
    """Wait for the lock in a thread of its own.

    A blocked ``flock`` cannot be called off, so a wait that is cancelled leaves its thread behind:
    should it get the lock after all, it gives it back. It is a daemon thread because executors
    join theirs at exit, where nobody would ever wake this one.
    """
    loop = asyncio.get_running_loop()
    acquired: asyncio.Future[None] = loop.create_future()
    guard = threading.Lock()
    abandoned = False

    def settle() -> None:
        if not acquired.done():
            acquired.set_result(None)

    def wait() -> None:
        lock.acquire()
        with guard:
            if abandoned:
                lock.close()
                return
            loop.call_soon_threadsafe(settle)

    threading.Thread(target=wait, name=f"waiting for {lock.path.name}", daemon=True).start()
    try:
        await acquired
    except asyncio.CancelledError:
        with guard:
            abandoned = True
            if acquired.done():
                lock.close()
        raise
