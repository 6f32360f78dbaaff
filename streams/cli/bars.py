"""Progress on standard error, where that is a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from streams.replay.asking import Outcome


class Bars:
    """A bar for each kind of work, and counts of what was done."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._done: Counter[str] = Counter()
        self.outcomes: Counter[Outcome] = Counter()

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def add(self, name: str, total: int | None) -> None:
        """Show a bar; one without a total only counts."""
        if total != 0:
            self._tasks[name] = self._progress.add_task(name, total=total)

    def move(self, name: str, count: int) -> None:
        """Count work that was done."""
        self._done[name] += count
        if name in self._tasks:
            self._progress.advance(self._tasks[name], count)

    def mover(self, name: str) -> Callable[[int], None]:
        """Return the counter of a kind of work."""
        return lambda count: self.move(name, count)

    def judged(self, judge: str, outcome: Outcome) -> None:
        """Count a turn that a judge is done with."""
        self.outcomes[outcome] += 1
        self.move(judge, 1)

    def count(self, name: str) -> int:
        """Return how much of some work was done."""
        return self._done[name]
