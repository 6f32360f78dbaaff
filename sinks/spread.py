"""Work that can be shared out: a pure function of one item after the other.

`map` is a `Spread` that does it here and now. One that has processes gives the same results in the
same order, so whatever is made of them does not depend on how many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Spread(Protocol):
    """Applies a function to all items and yields the results in the order of the items.

    Items may be taken some way ahead of the results. Function, items and results have to be
    picklable.
    """

    def __call__(
        self, function: Callable[[Item], Result], items: Iterable[Item], /
    ) -> Iterator[Result]:
        """Yield the function's result for each item."""
