"""Watching a panel's judges over the live stream: whether they agree, and whether one has moved.

The last scores of each partition and the drift tests stand in the stage's table. Verdicts are
taken in many at a time, and put into the table every few seconds, as a page of JSON for each
verdict would cost more than the join. What a kill loses of them are figures, no verdicts.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import combinations
from typing import Final

from agents.judges.calibration.drift import PanelWatch
from agents.judges.calibration.metrics.kappa import weighted_kappa
from schemas.table import Table
from schemas.verdict import Verdict
from streams.status.panels import PanelState

_KEY: Final = "watch"
_TOGETHER: Final = 500
"""Verdicts that are taken in at once."""


class _Partition:
    """The watch over one partition's verdicts: up to date but for those that wait."""

    def __init__(self, table: Table) -> None:
        value = table.get(_KEY)
        self.table = table
        self._watch = PanelWatch() if value is None else PanelWatch.from_bytes(value)
        self._waiting: list[tuple[str, dict[str, float]]] = []

    def add(self, turn_id: str, scores: dict[str, float]) -> None:
        """Take in a verdict, now or later."""
        self._waiting.append((turn_id, scores))
        if len(self._waiting) >= _TOGETHER:
            self.watch()

    def watch(self) -> PanelWatch:
        """Return the watch with all that has come."""
        if self._waiting:
            self._watch = self._watch.add_all(self._waiting)
            self._waiting = []
        return self._watch


class Watching:
    """The watches of one worker, one for each partition's table."""

    def __init__(self) -> None:
        self.changed = False
        self._partitions: dict[int, _Partition] = {}

    def note(self, verdicts: Iterable[Verdict], table: Table) -> None:
        """Take in what the judges said of turns."""
        for verdict in verdicts:
            scores = {
                each.judge: float(each.scores.overall)
                for each in verdict.opinions
                if each.scores is not None
            }
            if scores:
                self._of(table).add(verdict.turn_id, scores)
                self.changed = True

    def save(self) -> None:
        """Put what has changed into the tables; the caller commits."""
        for partition in self._partitions.values():
            partition.table.put(_KEY, partition.watch().to_bytes())
        self.changed = False

    def forget(self) -> None:
        """Begin again from the tables, once partitions have moved."""
        self._partitions.clear()

    def load(self, tables: Iterable[Table]) -> None:
        """Know of what these tables hold, before a verdict comes."""
        for table in tables:
            self._of(table)

    def state(self, panel: str) -> PanelState:
        """Return the figures over all partitions."""
        watches = [partition.watch() for partition in self._partitions.values()]
        together = PanelWatch(
            scores={turn: scores for watch in watches for turn, scores in watch.scores.items()}
        )
        figures = together.figures()
        moved = {
            judge: test.moved
            for watch in watches
            for judge, test in watch.tests.items()
            if test.moved
        }
        return PanelState(
            panel=panel,
            at_ms=int(time.time() * 1000),
            turns=figures.turns,
            alpha=figures.alpha,
            pairs=[(a, b, _kappa(together, a, b)) for a, b in combinations(figures.judges, 2)],
            offsets={name: judge.offset for name, judge in figures.judges.items()},
            moved=dict(moved),
        )

    def _of(self, table: Table) -> _Partition:
        known = self._partitions.get(id(table))
        if known is None:
            known = self._partitions[id(table)] = _Partition(table)
        return known


def _kappa(watch: PanelWatch, a: str, b: str) -> float | None:
    both = [(s[a], s[b]) for s in watch.scores.values() if a in s and b in s]
    return weighted_kappa([one for one, _ in both], [other for _, other in both])
