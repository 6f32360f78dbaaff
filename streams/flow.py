"""What stages take in and give out, before any broker is involved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from schemas.table import Table

Place = tuple[str, int]
"""A topic by its bare name, and a partition of it."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One record as a consumer got it. `topic` is the bare name (`turns`), without the prefix;
    `timestamp_ms` is when the broker got it (epoch milliseconds)."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None

    @property
    def is_filler(self) -> bool:
        """Whether nothing stands here: it keeps the place of a record that was forgotten, so that
        those behind it keep their offsets. Every reader passes over it."""
        return self.key is None and self.value is None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record to be published, keyed so that what belongs together stays in order.

    A `value` of None is a tombstone."""

    topic: str
    key: bytes
    value: bytes | None


class Publisher(Protocol):
    """The way out of a stage."""

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Return once the broker has acknowledged every record.

        Raises:
            BrokerError: the broker is not there or refused a record.
        """


class BrokerError(Exception):
    """The broker could not take or give a record. The message says what to do."""


class Handler(Protocol):
    """A stage's decisions: a function of the records and the table, so that replaying the same
    records from the same table gives the same result."""

    def apply(self, record: Incoming, table: Table) -> Iterable[Outgoing]:
        """Take in one record and return what follows from it."""
