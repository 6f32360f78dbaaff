"""Processes that share out pure work, with the results in the order of the items.

They begin when there is enough to do, and end with the command, however it ends.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from types import TracebackType
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

CHUNK = 128
"""Items that go to a process at once."""

AHEAD = 3
"""Chunks for each process that are on the way or wait to be taken."""

MOST = 8
"""More processes are of no use: this one reads and writes for all of them."""


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
        """Yield the function's result for each item.

        Raises:
            CrewError: a process has died.
        """
        chunks = _chunks(iter(items))
        first = next(chunks, [])
        # A process takes half a second to begin; one chunk is done by then.
        if not self._count or len(first) < CHUNK:
            yield from map(function, first)
            yield from (function(item) for chunk in chunks for item in chunk)
            return
        waiting: deque[Future[list[Result]]] = deque([self._submit(function, first)])
        try:
            for chunk in chunks:
                waiting.append(self._submit(function, chunk))
                if len(waiting) > AHEAD * self._count:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        except BrokenProcessPool as error:
            raise CrewError(
                "a process that helped was killed, perhaps for want of memory; run it again "
                "(a snapshot with --processes 0 does without)"
            ) from error
        finally:
            for each in waiting:
                each.cancel()

    def _submit(
        self, function: Callable[[Item], Result], chunk: list[Item]
    ) -> Future[list[Result]]:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._count,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_begin,
            )
        return self._pool.submit(_apply, function, chunk)

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


def _chunks(items: Iterator[Item]) -> Iterator[list[Item]]:
    while chunk := list(islice(items, CHUNK)):
        yield chunk


def _apply(function: Callable[[Item], Result], chunk: list[Item]) -> list[Result]:
    return [function(item) for item in chunk]


def _begin() -> None:
    # Ctrl-C reaches all processes of the terminal; the parent says what happens then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The pool's own pipes stay open in each process, so nothing else would tell of the end.
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
