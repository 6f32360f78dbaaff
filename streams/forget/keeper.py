"""What keeps the records, as far as they are removed from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from streams.embedded.log import Log
from streams.forget.find import Found
from streams.forget.records import Records
from streams.forget.rewrite import rewrite
from streams.forget.target import Target


class Unfinished(Protocol):
    """A forgetting that was cut off after it had begun to remove records."""

    @property
    def target(self) -> Target:
        """What is forgotten."""

    @property
    def found(self) -> Found:
        """What goes with it."""


class Keeper(Protocol):
    """Has records, and removes some of them for good."""

    @property
    def records(self) -> Records:
        """All there are."""

    def others(self) -> list[str]:
        """Return prefixes of topics that may be of the line, and are not among the records."""

    def unfinished(self) -> Unfinished | None:
        """Return what was begun here and cut off."""

    def finish(self) -> None:
        """Remove what is left of it to be removed."""

    def remove(self, target: Target, found: Found, replayed: Sequence[str]) -> None:
        """Remove what was found, and have some consumer groups read everything again.

        Args:
            target: what it was found by.
            found: what goes; its offsets are where.
            replayed: names of the groups.

        Raises:
            LogError, BrokerError, InUse: not all could be removed. Nothing else is lost.
        """

    def finished(self) -> None:
        """Take note that the files are rewritten, too."""


class EmbeddedKeeper:
    """The log in one SQLite file. To forget once more finishes what a kill has left."""

    def __init__(self, log: Log) -> None:
        self.records = log

    def others(self) -> list[str]:
        """All topics of the log are looked at."""
        return []

    def unfinished(self) -> None:
        """One transaction is not cut off."""

    def finish(self) -> None:
        """Nothing is left."""

    def remove(self, target: Target, found: Found, replayed: Sequence[str]) -> None:  # noqa: ARG002 - found is enough
        """Rewrite the log, in one transaction."""
        rewrite(self.records, found.offsets, replayed)

    def finished(self) -> None:
        """Nothing has been noted."""
