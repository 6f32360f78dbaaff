"""Which offset of each partition a group may commit: the first that is not done with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Generic, TypeVar

At = TypeVar("At")


class Progress(Generic[At]):
    """Follows partitions of any hashable name from where each was started."""

    def __init__(self) -> None:
        self._floor: dict[At, int] = {}
        self._expected: dict[At, int] = {}
        #: Runs of offsets that nobody will acknowledge: the first, and the first after.
        self._skipped: defaultdict[At, dict[int, int]] = defaultdict(dict)
        #: Runs of offsets that are acknowledged by their last one: the first, and the last.
        self._together: defaultdict[At, dict[int, int]] = defaultdict(dict)

    def start(self, offsets: Mapping[At, int]) -> None:
        """Follow these partitions, and no others, from the offset that is read next."""
        self._floor = dict(offsets)
        self._expected = dict(offsets)
        self._skipped.clear()
        self._together.clear()

    def skip_to(self, at: At, offset: int) -> None:
        """Nothing between the last one delivered and this will be acknowledged by anyone."""
        expected = self._expected.get(at)
        if expected is not None and expected < offset:
            self._skipped[at][expected] = offset
            self._expected[at] = offset

    def deliver(self, at: At, offset: int, first: int | None = None) -> None:
        """The next record is this one; offsets before it that did not come are skipped.

        Args:
            at: the partition.
            offset: the record's, or that of the last of several, which will stand for all.
            first: the offset of the first of those.
        """
        first = offset if first is None else first
        self.skip_to(at, first)
        if at in self._expected:
            if first < offset:
                self._together[at][first] = offset
            self._expected[at] = max(self._expected[at], offset + 1)

    def advance(self, at: At, acknowledged: set[int]) -> int | None:
        """The offset to commit now, or None if there is nothing new.

        Takes out of ``acknowledged`` what lies before it.
        """
        start = offset = self._floor.get(at)
        if offset is None:
            return None
        skipped, together = self._skipped[at], self._together[at]
        while True:
            last = together.get(offset, offset)
            if last in acknowledged:
                acknowledged.discard(last)
                together.pop(offset, None)
                offset = last + 1
            elif offset in skipped:
                offset = skipped.pop(offset)
            else:
                break
        if offset == start:
            return None
        self._floor[at] = offset
        return offset
