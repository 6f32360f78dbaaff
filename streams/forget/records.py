"""The records that there are, wherever they are kept, as they are looked through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from streams.embedded.records import Record, Topic


class Records(Protocol):
    """The topics, those of lineages too, by their whole names; `streams.embedded.log.Log` is one.

    Both raise LogError or BrokerError where they can't be read.
    """

    def topics(self) -> Sequence[Topic]:
        """Return the topics there are."""

    def read(self, topic: str, partition: int, start: int, /) -> Sequence[Record]:
        """Return some records from an offset on, the first ones; empty at the end."""
