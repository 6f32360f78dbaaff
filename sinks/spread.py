"""Work that can be shared out: pieces that do not depend on one another.

`map` is a `Spread` that does it here and now. One that has processes gives the same results in the
same order, so whatever is made of them does not depend on how many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Spread(Protocol):
    """Applies a function to pieces of work and yields the results in the order of the pieces.

    Pieces may be taken some way ahead of the results. Function, pieces and results have to be
    picklable, and small beside the work: what is large goes through files.
    """

    def __call__(
        self, function: Callable[[Item], Result], items: Iterable[Item], /
    ) -> Iterator[Result]:
        """Yield the function's result for each piece."""
