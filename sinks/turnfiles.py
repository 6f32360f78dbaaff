"""`turns/YYYY-MM-DD.jsonl`: every turn of a day with its verdict.

In the table, under `turns/`:
    line/<day>/<started_ms, 15 digits>/<turn id>   the turn's record; a scan is in file order
    index/<turn id>                                where its line stands, and its rank among copies
    verdicts/<turn id>                             by panel: rank and verdict
    day/<day>                                      the days that have a file
    dirty/<day>                                    the files to be rewritten
    panel                                          whose verdicts the files show under `verdict`
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

import orjson

from schemas.table import Table
from schemas.topics import TURNS, VERDICTS
from schemas.verdict import Verdict
from sinks.atomic import Stamp, reading, remove, replace, stamp, sweep
from sinks.dayfile import PersonsPart, copy_ranges, one_line, read_persons_part, render_line
from sinks.output import Output
from sinks.rewriter import Rewriter
from sinks.winner import TurnHead, turn_rank, verdict_rank

_LINE = "turns/line/"
_INDEX = "turns/index/"
_VERDICTS = "turns/verdicts/"
_DAY = "turns/day/"
_DIRTY = "turns/dirty/"
_PANEL = "turns/panel"


class TurnFiles:
    """The sink that writes scored turn files. One process writes a directory.

    The day of a turn is the date of its start in `zone` when it is first seen; a changed time
    zone moves no turn that has been written.

    Args:
        output: the directory that gets `turns/`.
        panel: the label of the one whose verdicts stand under `verdict`; those of others stand
            under `verdicts`.
        zone: the owner's time zone by its IANA name; empty for this machine's.
        delay: how long changes are gathered before a file is rewritten (seconds). A file is
            also left alone for ten times as long as its last rewrite took.
        clock: a monotonic clock in seconds.
    """

    topics = (TURNS, VERDICTS)

    def __init__(
        self,
        output: Path,
        panel: str,
        zone: str = "",
        delay: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.directory = output / "turns"
        self._panel = panel
        self._zone = ZoneInfo(zone) if zone else None
        self._rewriter = Rewriter(_DIRTY, delay, clock)
        self._started = False
        self._untouched: dict[str, Stamp] = {}

    def apply(self, topic: str, value: bytes, table: Table) -> list[Output]:
        """Take in a turn or a verdict. Nothing is published.

        Raises:
            pydantic.ValidationError: the value is neither; the table is as it was.
        """
        if topic == TURNS:
            self._take_turn(value, table)
        elif topic == VERDICTS:
            self._take_verdict(value, table)
        return []

    def flush_in(self) -> float | None:
        """Return in how many seconds to flush, or None if there is nothing to write."""
        return self._rewriter.flush_in() if self._started else 0.0

    def flush(self, table: Table, *, everything: bool = False) -> None:
        """Rewrite the days whose time has come.

        The first flush also takes up what an earlier process left to do, and makes files anew that
        have been moved or deleted.

        Raises:
            SinkError: a file can't be written; it stays as it was and due.
        """
        if not self._started:
            self._start(table)
        self._rewriter.flush(table, lambda day: self._write(day, table), everything=everything)

    def _take_turn(self, value: bytes, table: Table) -> None:
        head = TurnHead.model_validate_json(value)
        rank = turn_rank(head, value)
        index = table.get(_INDEX + head.id)
        if index is not None:
            old_key, *old_rank = orjson.loads(index)
            if tuple(old_rank) <= rank:
                return
            table.delete(old_key)
            self._mark(_day_of(old_key), table)
        # Whole seconds: a date does not need more, and floats would round.
        day = datetime.fromtimestamp(head.started_ms // 1000, self._zone).date().isoformat()
        key = f"{_LINE}{day}/{head.started_ms:015d}/{head.id}"
        table.put(key, one_line(value))
        table.put(_INDEX + head.id, orjson.dumps((key, *rank)))
        self._mark(day, table)

    def _take_verdict(self, value: bytes, table: Table) -> None:
        verdict = Verdict.model_validate_json(value)
        rank = verdict_rank(verdict, value)
        stored = table.get(_VERDICTS + verdict.turn_id)
        verdicts = {} if stored is None else orjson.loads(stored)
        if verdict.label in verdicts and tuple(verdicts[verdict.label][0]) >= rank:
            return
        verdicts[verdict.label] = (rank, orjson.Fragment(verdict.to_bytes()))
        table.put(_VERDICTS + verdict.turn_id, orjson.dumps(verdicts))
        index = table.get(_INDEX + verdict.turn_id)
        if index is not None:
            self._mark(_day_of(orjson.loads(index)[0]), table)

    def _mark(self, day: str, table: Table) -> None:
        table.put(_DAY + day, b"")
        self._rewriter.mark(day, table)

    def _start(self, table: Table) -> None:
        sweep(self.directory, ".jsonl")
        shown = table.get(_PANEL)
        panel_changed = shown is not None and shown.decode() != self._panel
        for key, _ in table.scan(_DAY):
            day = key.removeprefix(_DAY)
            if panel_changed or not self._path(day).exists():
                self._rewriter.mark(day, table)
        table.put(_PANEL, self._panel.encode())
        self._rewriter.recall(table)
        self._started = True

    def _path(self, day: str) -> Path:
        return self.directory / f"{day}.jsonl"

    def _write(self, day: str, table: Table) -> None:
        path = self._path(day)
        with contextlib.ExitStack() as stack:
            part = PersonsPart()
            file: BinaryIO | None = None
            seen = stamp(path)
            if seen != self._untouched.get(day):
                file, seen = stack.enter_context(reading(path))
                if file is not None:
                    part = read_persons_part(file, day, lambda turn_id: _find(turn_id, table))
            lines = self._lines(day, table, part, file)
            first = next(lines, None)
            if first is None:
                # A copy of the day's only turn came first, and the original is of another day.
                if seen is not None:
                    remove(path, seen)
                table.delete(_DAY + day)
                self._untouched.pop(day, None)
                return
            new = replace(path, itertools.chain([first], lines), seen)
        if part:
            self._untouched.pop(day, None)
        else:
            self._untouched[day] = new

    def _lines(
        self, day: str, table: Table, part: PersonsPart, file: BinaryIO | None
    ) -> Iterator[bytes]:
        for key, turn in table.scan(f"{_LINE}{day}/"):
            turn_id = key.rsplit("/", 1)[1]
            stored = table.get(_VERDICTS + turn_id)
            verdicts = {} if stored is None else orjson.loads(stored)
            yield render_line(
                turn,
                {panel: verdict for panel, (_, verdict) in verdicts.items()},
                self._panel,
                part.fields.get(turn_id),
            )
        if file is not None:
            yield from copy_ranges(file, part.ranges)


def _find(turn_id: str, table: Table) -> str | None:
    index = table.get(_INDEX + turn_id)
    return None if index is None else _day_of(orjson.loads(index)[0])


def _day_of(key: str) -> str:
    return key.removeprefix(_LINE).split("/", 1)[0]
