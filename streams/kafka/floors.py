"""Up to where each partition is acknowledged without a gap, whatever order acknowledgements
come in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, MutableSet

from faust.types import TP


class Floors:
    """For each partition the first offset that is not acknowledged: what may be committed.

    Faust's own reckoning begins with the first acknowledgement after the last commit, and so
    commits past records before it that are still being worked on.
    """

    def __init__(self) -> None:
        self._floor: dict[TP, int] = {}
        self._expected: dict[TP, int] = {}
        self._skipped: dict[TP, dict[int, int]] = defaultdict(dict)

    def reset(self, committed: Mapping[TP, int | None]) -> None:
        """Begin again at what is committed; None begins with the next record delivered."""
        for tp, offset in committed.items():
            self.forget(tp)
            if offset is not None:
                self._floor[tp] = self._expected[tp] = offset

    def forget(self, tp: TP) -> None:
        """The partition has gone to another worker."""
        self._floor.pop(tp, None)
        self._expected.pop(tp, None)
        self._skipped.pop(tp, None)

    def deliver(self, tp: TP, offset: int) -> None:
        """A record is handed on. Those between the last one and this are not there any more."""
        self.skip_to(tp, offset)
        self._expected[tp] = max(self._expected.get(tp, 0), offset + 1)

    def skip_to(self, tp: TP, offset: int) -> None:
        """Nobody will acknowledge what lies before `offset` and has not been delivered."""
        self._floor.setdefault(tp, offset)
        expected = self._expected.setdefault(tp, offset)
        if expected < offset:
            self._skipped[tp][expected] = offset
            self._expected[tp] = offset

    def rise(self, tp: TP, acknowledged: MutableSet[int]) -> int | None:
        """Take from `acknowledged` what follows without a gap, and return the new floor; None if
        it is the old one."""
        start = offset = self._floor.get(tp)
        if offset is None:
            return None
        skipped = self._skipped[tp]
        while True:
            if offset in acknowledged:
                acknowledged.discard(offset)
                offset += 1
            elif offset in skipped:
                offset = skipped.pop(offset)
            else:
                break
        if offset == start:
            return None
        self._floor[tp] = offset
        return offset
