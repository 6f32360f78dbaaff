"""Processes that share out pieces of work, with the results in the order of the pieces.

They begin when there is more than one piece, and end with the command, however it ends.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from types import TracebackType
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2
"""Pieces for each process that are under way or wait to be taken."""

YOUNG_OBJECTS = 100_000
"""New objects after which a process looks for circles among them; Python's own is 700."""

MOST = 8
"""More processes would wait for the disk, and for this one, which does what goes in one order."""


class CrewError(Exception):
    """A process of the crew has died."""


class Crew:
    """So many processes; a `sinks.spread.Spread`.

    Args:
        processes: how many beside this one; 0 does everything here.
    """

    def __init__(self, processes: int | None = None) -> None:
        self._count = min(os.cpu_count() or 1, MOST) if processes is None else processes
        self._pool: ProcessPoolExecutor | None = None

    def __call__(
        self, function: Callable[[Item], Result], items: Iterable[Item], /
    ) -> Iterator[Result]:
        """Yield the function's result for each piece of work.

        Raises:
            CrewError: a process has died.
        """
        pieces = iter(items)
        first = list(islice(pieces, 2))
        # A process takes a second to begin; what makes one piece is done by then.
        if not self._count or len(first) < 2:
            yield from map(function, chain(first, pieces))
            return
        waiting: deque[Future[Result]] = deque()
        try:
            for piece in chain(first, pieces):
                waiting.append(self._submit(function, piece))
                if len(waiting) > AHEAD * self._count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise CrewError(
                "a process that helped was killed, perhaps for want of memory; run it again "
                "(a snapshot with --processes 0 does without)"
            ) from error
        finally:
            for each in waiting:
                each.cancel()

    def _submit(self, function: Callable[[Item], Result], piece: Item) -> Future[Result]:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._count,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_begin,
            )
        return self._pool.submit(function, piece)

    def __len__(self) -> int:
        """How many processes help."""
        return self._count

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _begin() -> None:
    # A piece makes hundreds of thousands of objects and lets go of them together; looking through
    # those that live again and again for circles takes a fifth of the time.
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 100)
    # Ctrl-C reaches all processes of the terminal; the parent says what happens then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The pool's own pipes stay open in each process, so nothing else would tell of the end.
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
