"""How far each stage has come in what it reads. Light enough for the supervisor itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from streams.flow import Incoming, Place

# As `schemas.topics` has them, whose package brings pydantic with it.
_READS = {
    "extract": "entries",
    "prefilter": "turns",
    "judge": "candidates",
    "ensemble": "judgements",
    "turnfiles": "verdicts",
    "pairs": "verdicts",
    "train": "training",
}


@dataclass(frozen=True, slots=True)
class TopicCount:
    """A topic: how many records were ever put on it, and how many are there now."""

    name: str
    partitions: int
    written: int
    records: int


@dataclass(frozen=True, slots=True)
class StageProgress:
    """A stage: offsets it has committed and has still to read, over all it reads."""

    stage: str
    group: str
    topics: tuple[str, ...]
    committed: int
    lag: int


@dataclass(frozen=True, slots=True)
class Flow:
    """All topics and stages at one moment, or nearly one."""

    topics: tuple[TopicCount, ...] = ()
    stages: tuple[StageProgress, ...] = ()


class Topics(Protocol):
    """What is asked of a broker here; every `streams.broker.Broker` is one. All raise
    `streams.flow.BrokerError` where it does not answer."""

    @property
    def prefix(self) -> str:
        """The first part of every topic and group name."""

    async def topics(self) -> dict[str, int]:
        """Return how many partitions each topic of the line has, by its bare name."""

    async def bounds(self, places: Sequence[Place]) -> dict[Place, tuple[int, int]]:
        """Return of each partition the first offset that is kept, and the next one."""

    async def committed(self, stage: str, places: Sequence[Place]) -> dict[Place, int | None]:
        """Return the offset that a stage reads next in each partition, None if it read none."""

    async def read(self, topic: str, partition: int, start: int, stop: int) -> list[Incoming]:
        """Return the first records of [start, stop); empty at the end."""


async def measure(broker: Topics, stages: Sequence[str]) -> Flow:
    """Return the line's topics in the order of their names, and how far each stage has come;
    `tail` reads files, no topic, and is left out.

    Raises:
        BrokerError: the broker does not answer.
    """
    counts = await broker.topics()
    places = [(topic, number) for topic in sorted(counts) for number in range(counts[topic])]
    # Before the ends: a stage never seems to have read what is not there.
    committed = {
        stage: await broker.committed(stage, places)
        for stage in stages
        if stage.partition(".")[0] in _READS
    }
    bounds = await broker.bounds(places)
    return Flow(
        tuple(_count(topic, counts[topic], bounds) for topic in sorted(counts)),
        tuple(_progress(broker.prefix, *each, bounds) for each in committed.items()),
    )


def _count(topic: str, partitions: int, bounds: Mapping[Place, tuple[int, int]]) -> TopicCount:
    found = [bounds[topic, number] for number in range(partitions)]
    written = sum(high for _, high in found)
    return TopicCount(topic, partitions, written, written - sum(low for low, _ in found))


def _progress(
    prefix: str,
    stage: str,
    committed: Mapping[Place, int | None],
    bounds: Mapping[Place, tuple[int, int]],
) -> StageProgress:
    # What it reads beside is known by its having read of it.
    read = {_READS[stage.partition(".")[0]]} & {topic for topic, _ in bounds}
    read |= {topic for (topic, _), offset in committed.items() if offset is not None}
    offsets = {place: committed.get(place) or 0 for place in bounds if place[0] in read}
    return StageProgress(
        stage,
        f"{prefix}.{stage}",
        tuple(sorted(read)),
        sum(offsets.values()),
        sum(bounds[at][1] - max(offset, bounds[at][0]) for at, offset in offsets.items()),
    )
