"""Up to where each partition is acknowledged without a gap, whatever order acknowledgements
come in."""

from __future__ import annotations

from collections.abc import Mapping

from faust.types import TP

from streams.embedded.progress import Progress


class Floors(Progress[TP]):
    """For each partition the first offset that is not acknowledged: what may be committed.

    Faust's own reckoning begins with the first acknowledgement after the last commit, and so
    commits past records before it that are still being worked on. Partitions come and go with
    each rebalance, and one without a commit begins with the first record delivered.
    """

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
        self._together.pop(tp, None)

    def skip_to(self, at: TP, offset: int) -> None:
        """Nobody will acknowledge what lies before `offset` and has not been delivered."""
        self._floor.setdefault(at, offset)
        self._expected.setdefault(at, offset)
        super().skip_to(at, offset)
