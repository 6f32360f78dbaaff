"""Files that are rewritten as a whole, seldom enough, and never forgotten."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from schemas.table import Table
from sinks.atomic import ChangedMeanwhileError
from sinks.output import SinkError
from sinks.schedule import Schedule

ATTEMPTS = 5
"""How often a file that changes under our hands is merged again before it is left for later."""

logger = logging.getLogger(__name__)


class Rewriter:
    """Knows which files have changes, in memory for its timing and in the table for a restart.

    Args:
        prefix: where the notes stand in the table.
        delay: how long changes are gathered (seconds).
        clock: a monotonic clock in seconds.
    """

    def __init__(
        self, prefix: str, delay: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._prefix = prefix
        self._clock = clock
        self._schedule = Schedule(delay, clock)

    def mark(self, name: str, table: Table) -> None:
        """Note that the file has to be rewritten."""
        table.put(self._prefix + name, b"")
        self._schedule.mark(name)

    def recall(self, table: Table) -> None:
        """Take up what an earlier process has noted."""
        for key, _ in table.scan(self._prefix):
            self._schedule.mark(key.removeprefix(self._prefix))

    def flush_in(self) -> float | None:
        """Return in how many seconds to flush, or None if there is nothing to write."""
        return self._schedule.due_in()

    def flush(self, table: Table, write: Callable[[str], None], *, everything: bool) -> None:
        """Call `write` for each file whose time has come, or for all that have changes.

        One that fails does not keep the others from being written.

        Raises:
            SinkError: of the first file that could not be written.
        """
        failure: SinkError | None = None
        for name in self._schedule.due(everything=everything):
            started = self._clock()
            try:
                self._attempt(name, write)
            except ChangedMeanwhileError as error:
                logger.warning("%s keeps changing; it is rewritten when it rests", error)
                self._schedule.failed(name)
            except SinkError as error:
                failure = failure or error
                self._schedule.failed(name)
            else:
                table.delete(self._prefix + name)
                self._schedule.written(name, started)
        if failure is not None:
            raise failure

    @staticmethod
    def _attempt(name: str, write: Callable[[str], None]) -> None:
        for _ in range(ATTEMPTS - 1):
            try:
                return write(name)
            except ChangedMeanwhileError:
                continue
        return write(name)
