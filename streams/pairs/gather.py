"""All that pairs are made of, from the topics into a place of its own.

The running line has its table open, and a snapshot is a function of the topics alone; so they are
read anew.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

from schemas.review import Review
from schemas.settings import Settings
from sinks.bulk import TOPICS, Bulk, Shards, Taken, shards_for, take
from sinks.spread import Spread
from streams.broker import Broker, open_broker
from streams.pairs.scratch import Scratch
from streams.replay.topics import partitions

PIECE_RECORDS: Final = 20_000
"""Records that one process reads at a time."""


class Stretch(NamedTuple):
    """The records [start, stop) of a partition."""

    topic: str
    partition: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was read.

    `records` counts by topic; `unreadable` are records that the line has put among the dead
    letters. `ends` are the offsets after the last record that was read, by topic and partition.
    `scratch` has a table that holds what models were offered (`sinks.offered`), and room for more.
    """

    scratch: Scratch
    bulk: Bulk
    records: Counter[str]
    ends: dict[str, dict[str, int]]


def gather(
    broker: Broker, settings: Settings, panel: str, scratch: Scratch, spread: Spread
) -> Gathered:
    """Read all that the topics hold now.

    Args:
        broker: tells where the topics end.
        settings: by which each process opens the broker for itself.
        panel: whose verdicts count, by its label.
        scratch: gets what is kept of the records.
        spread: shares out the reading.

    Raises:
        BrokerError: the broker is not there.
    """
    ends = asyncio.run(_ends(broker, settings))
    shards = shards_for(scratch.folder, sum(end for each in ends.values() for end in each.values()))
    records: Counter[str] = Counter()
    reviews: list[Review] = []
    for taken in spread(partial(_take, settings, panel, shards), _pieces(ends)):
        records += taken.records
        reviews += taken.reviews
        taken.tools.put(scratch.table)
        scratch.tick()
    told = {
        topic: {str(number): end for number, end in each.items()} for topic, each in ends.items()
    }
    return Gathered(scratch, Bulk(shards, panel, reviews, spread), records, told)


def lineage(broker: Broker, read: Gathered) -> dict[str, Any]:
    """Return where a snapshot's records come from."""
    return {
        "broker": broker.identity,
        "prefix": broker.prefix,
        "offsets": read.ends,
        "records": dict(sorted(read.records.items())),
        "made_ms": int(time.time() * 1000),
    }


async def _ends(broker: Broker, settings: Settings) -> dict[str, dict[int, int]]:
    return {
        topic: {
            number: await broker.end(topic, number)
            for number in range(partitions(broker, topic, settings))
        }
        for topic in TOPICS
    }


def _pieces(ends: dict[str, dict[int, int]]) -> Iterator[tuple[int, list[Stretch]]]:
    """Yield what is to be read, by number, in pieces of about the same size."""
    number, size = 0, 0
    piece: list[Stretch] = []
    for topic, each in ends.items():
        for partition, end in each.items():
            for start in range(0, end, PIECE_RECORDS):
                stop = min(start + PIECE_RECORDS, end)
                piece.append(Stretch(topic, partition, start, stop))
                size += stop - start
                if size >= PIECE_RECORDS:
                    yield number, piece
                    number, size, piece = number + 1, 0, []
    yield number, piece


def _take(
    settings: Settings, panel: str, shards: Shards, piece: tuple[int, list[Stretch]]
) -> Taken:
    number, stretches = piece
    broker = open_broker(settings)
    try:
        with asyncio.Runner() as runner:
            return take(shards, f"{number:06d}", panel, _records(runner, broker, stretches))
    finally:
        broker.close()


def _records(
    runner: asyncio.Runner, broker: Broker, stretches: list[Stretch]
) -> Iterator[tuple[str, bytes]]:
    for topic, partition, start, stop in stretches:
        while start < stop and (records := runner.run(broker.read(topic, partition, start, stop))):
            for record in records:
                # A tombstone says that a record is no more; what it named has gone from the topic.
                if record.value is not None:
                    yield topic, record.value
            start = records[-1].offset + 1
