"""What keeps the records, as far as they are removed from it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from streams.embedded.log import Log
from streams.embedded.records import LogError
from streams.forget import journal as journals
from streams.forget.find import Found, find
from streams.forget.forgotten import read
from streams.forget.home import read_key
from streams.forget.journal import EMBEDDED, Commit, Journal, Topic, doomed_by_topic
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
    """The log in one SQLite file, and the journal of the home that it lies in."""

    def __init__(self, log: Log, home: Path) -> None:
        self.records = log
        self._home = home

    def others(self) -> list[str]:
        """All topics of the log are looked at."""
        return []

    def unfinished(self) -> Journal | None:
        """Return what was begun and not brought to its end on this home.

        Raises:
            PrivacyError: it can't be read.
            LogError: it was begun on Kafka.
        """
        journal = journals.read(self._home)
        if journal is not None and journal.broker != EMBEDDED:
            raise LogError(
                "a forgetting was cut off on Kafka; set broker as it was, and run "
                "`clawback forget --resume`"
            )
        return journal

    def finish(self) -> None:
        """Rewrite the log, if it was not.

        What goes is looked for once more: in a log that was rewritten its offsets may be those of
        other records.
        """
        journal = self.unfinished()
        if journal is not None:
            forgotten = read(self._home, read_key(self._home))
            found = find(self.records, journal.target, forgotten, journal.turns)
            rewrite(self.records, found.offsets, list(journal.groups))

    def remove(self, target: Target, found: Found, replayed: Sequence[str]) -> None:
        """Rewrite the log, in one transaction."""
        topics = {name: Topic(doomed=doomed) for name, doomed in doomed_by_topic(found).items()}
        groups: dict[str, tuple[Commit, ...]] = dict.fromkeys(replayed, ())
        journals.write(self._home, Journal.begin(EMBEDDED, target, found, topics, groups))
        rewrite(self.records, found.offsets, replayed)

    def finished(self) -> None:
        """Let the line start again."""
        journals.remove(self._home)
