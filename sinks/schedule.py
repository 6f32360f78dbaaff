"""When each file is to be rewritten."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

PAUSE_FACTOR = 10
"""A file rests this many times as long as its last rewrite took: at most a tenth of the time is
spent on it, however large it grows."""

RETRY_SECONDS = 5.0
"""Pause before a file that could not be written is tried again."""


@dataclass(slots=True)
class _File:
    changed_at: float | None = None
    rests_until: float = 0.0


class Schedule:
    """Remembers which files have unwritten changes, and for how long they may wait.

    Args:
        delay: how long changes are gathered before a file is rewritten (seconds).
        clock: a monotonic clock in seconds.
    """

    def __init__(self, delay: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._delay = delay
        self._clock = clock
        self._files: dict[str, _File] = {}
        self._waiting: set[str] = set()

    def mark(self, name: str) -> None:
        """Note a change of the file."""
        if name not in self._waiting:
            self._files.setdefault(name, _File()).changed_at = self._clock()
            self._waiting.add(name)

    def due_in(self) -> float | None:
        """Return in how many seconds the next file is due (0: now), or None without changes."""
        if not self._waiting:
            return None
        return max(0.0, min(map(self._due_at, self._waiting)) - self._clock())

    def due(self, *, everything: bool = False) -> list[str]:
        """Return the files to write now, in order; with `everything`, all that have changes."""
        now = self._clock()
        return sorted(name for name in self._waiting if everything or self._due_at(name) <= now)

    def written(self, name: str, started: float) -> None:
        """Note that the file holds every change; `started` is the clock before it was written."""
        now = self._clock()
        self._waiting.discard(name)
        self._files[name] = _File(None, now + PAUSE_FACTOR * (now - started))

    def failed(self, name: str) -> None:
        """Note that the file could not be written; it stays due, after a pause."""
        self._files[name].rests_until = self._clock() + RETRY_SECONDS

    def _due_at(self, name: str) -> float:
        file = self._files[name]
        changed_at = self._clock() if file.changed_at is None else file.changed_at
        return max(changed_at + self._delay, file.rests_until)
