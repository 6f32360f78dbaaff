"""What a sink is to the stage that runs it, and how it fails."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from schemas.table import Table


class Output(NamedTuple):
    """A record to publish. A `value` of None is a tombstone."""

    topic: str
    key: bytes
    value: bytes | None


class Sink(Protocol):
    """Writes files from topics.

    What is still to be written is noted in the table itself. So the table and the offsets may be
    made durable at any time, before or after a flush: a file is never behind a table that has
    no note of it.
    """

    @property
    def topics(self) -> tuple[str, ...]:
        """The bare names of the topics to apply."""

    def apply(self, topic: str, value: bytes, table: Table) -> list[Output]:
        """Take in one record and return what follows from it.

        Raises:
            pydantic.ValidationError: the value can't be read; the table is as it was.
        """

    def flush_in(self) -> float | None:
        """Return in how many seconds to flush, or None if there is nothing to write.

        0 before the first flush, which finds out what an earlier process has left to do.
        """

    def flush(self, table: Table, *, everything: bool = False) -> None:
        """Write the files whose time has come; with `everything`, also those that could wait.

        Raises:
            SinkError: a file can't be written. It is as it was, and the flush can be repeated.
        """


class SinkError(Exception):
    """A file can't be written. The message is one line that names the file and what to do."""
