"""Counting what a judge does: how much, how fast, at what cost, and how it stands just now."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from schemas.judgement import Judgement
from schemas.record import Part
from schemas.table import Table
from streams.status.judges import JudgeState

RECENT = 60
"""Answers that the rate is told from."""

_KEY = "totals"


class Totals(Part):
    """Counts since the table was made; `seconds` are those the model took."""

    scored: int = 0
    abstained: dict[str, int] = {}
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0

    def plus(self, judgement: Judgement) -> Totals:
        """Return the counts with one more answer."""
        abstained = self.abstained
        if judgement.status != "scored":
            abstained = {**abstained, judgement.reason: abstained.get(judgement.reason, 0) + 1}
        return Totals(
            scored=self.scored + (judgement.status == "scored"),
            abstained=abstained,
            tokens_in=self.tokens_in + (judgement.tokens_in or 0),
            tokens_out=self.tokens_out + (judgement.tokens_out or 0),
            seconds=self.seconds + (judgement.latency_ms or 0.0) / 1000,
        )


def load_totals(table: Table) -> Totals:
    """Return what a table holds."""
    value = table.get(_KEY)
    return Totals() if value is None else Totals.model_validate_json(value)


def save_totals(table: Table, totals: Totals) -> None:
    """Put the counts into a table."""
    table.put(_KEY, totals.model_dump_json().encode())


class Pace:
    """The rate of the last answers."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: deque[float] = deque(maxlen=RECENT)

    def tick(self) -> None:
        """Note that an answer has come."""
        self._times.append(self._clock())

    @property
    def per_second(self) -> float:
        """Answers a second; 0 until there are two."""
        if len(self._times) < 2:
            return 0.0
        return (len(self._times) - 1) / max(self._times[-1] - self._times[0], 1e-3)


class Reporter:
    """Writes a state down when it has changed, and not more often than every so many seconds."""

    def __init__(
        self,
        state: Callable[[], JudgeState],
        write: Callable[[JudgeState], None],
        every: float = 2.0,
    ) -> None:
        self._state = state
        self._write = write
        self._every = every
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def changed(self) -> None:
        """Have it written before long."""
        self._changed.set()

    def start(self, failed: Callable[[BaseException], None]) -> None:
        """Begin; `failed` is told where writing fails."""

        async def work() -> None:
            try:
                while True:
                    await self._changed.wait()
                    self._changed.clear()
                    self._write(self._state())
                    await asyncio.sleep(self._every)
            except Exception as error:  # noqa: BLE001 - the stage ends with it
                failed(error)

        self._task = asyncio.create_task(work())

    def stop(self) -> None:
        """Write it once more, and end."""
        if self._task is not None:
            self._task.cancel()
            self._write(self._state())
