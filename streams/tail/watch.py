"""Notifications from the file system: a hint that something changed, nothing to rely on.

They may be late, lost or not to be had at all (network file systems, limits); what they miss, the
next rescan finds.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from watchdog.events import FileModifiedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from streams.tail.complaints import Complaints

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver, ObservedWatch

_log = logging.getLogger(__name__)


class Watch(FileSystemEventHandler):
    """Watches the `agents` directories of state directories.

    Args:
        roots: the state directories; they need not be there.
    """

    def __init__(self, roots: Iterable[Path]) -> None:
        self._folders = [os.path.join(os.path.normpath(root), "agents") for root in roots]
        self._watches: dict[str, tuple[tuple[int, int], ObservedWatch | None]] = {}
        self._observer: BaseObserver | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()
        self._lock = threading.Lock()
        self._paths: set[str] = set()
        self._complaints = Complaints(_log)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to watch; wake what waits on this loop."""
        self._loop = loop
        try:
            observer = Observer()
            observer.start()
        except OSError as error:
            self._without("the file system", error)
        else:
            self._observer = observer

    def stop(self) -> None:
        """Watch no more."""
        observer, self._observer = self._observer, None
        self._watches.clear()
        if observer is not None:
            observer.stop()
            observer.join()

    def refresh(self) -> None:
        """Watch directories that came or were replaced since the last time."""
        if self._observer is None:
            return
        for folder in self._folders:
            try:
                result = os.stat(folder)
                identity = (result.st_dev, result.st_ino)
            except OSError:
                # The scan says what is wrong with it.
                identity = (0, 0)
            old, watch = self._watches.pop(folder, ((0, 0), None))
            if old != identity:
                watch = self._schedule(folder, watch, there=identity != (0, 0))
            self._watches[folder] = (identity, watch)

    def _schedule(
        self, folder: str, old: ObservedWatch | None, *, there: bool
    ) -> ObservedWatch | None:
        assert self._observer is not None
        try:
            if old is not None:
                self._observer.unschedule(old)
            if not there:
                return None
            # Only modifications: creations and renames are followed by one or wait for a rescan.
            # Asking for renames too makes watchdog hold all events back by up to 0.5 s, and our
            # own opening and closing of files would come back as events.
            watch = self._observer.schedule(
                self, folder, recursive=True, event_filter=[FileModifiedEvent]
            )
        except (OSError, KeyError) as error:
            self._without(folder, error)
            return None
        self._complaints.well(folder, f"{folder} is watched again")
        return watch

    def _without(self, what: str, error: Exception) -> None:
        self._complaints.say(
            what,
            f"can't watch {what} for changes: {error}; new lines are found by rescans alone, a "
            "little later (on Linux, fs.inotify.max_user_watches and max_user_instances limit it)",
        )

    def dispatch(self, event: FileSystemEvent) -> None:
        """Take a notification; called by watchdog's thread."""
        path = os.fsdecode(event.src_path)
        if event.is_directory or ".jsonl" not in path or path.endswith(".lock"):
            return
        with self._lock:
            first = not self._paths
            self._paths.add(path)
        if first and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._woken.set)

    def take(self) -> set[str]:
        """Return the files notified of since the last time."""
        with self._lock:
            paths, self._paths = self._paths, set()
        return paths

    async def wait(self, seconds: float) -> None:
        """Return after a notification, at the latest after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return
        # Before what it announced is taken: a notification after that sets it again.
        self._woken.clear()
