"""How far each stage has come in what it reads. Light enough for the supervisor itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.embedded.log import Log

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


def topic_counts(log: Log, prefix: str) -> list[TopicCount]:
    """Return the line's topics in the order of their names; others in the log are passed over."""
    counts = []
    for topic in log.topics():
        if topic.name.startswith(f"{prefix}."):
            bounds = log.bounds([(topic.name, number) for number in range(topic.partitions)])
            counts.append(
                TopicCount(
                    topic.name.removeprefix(f"{prefix}."),
                    topic.partitions,
                    sum(high for _, high in bounds.values()),
                    sum(high - low for low, high in bounds.values()),
                )
            )
    return counts


def progress(log: Log, prefix: str, stages: Sequence[str]) -> list[StageProgress]:
    """Return how far each stage has come; `tail` reads files, no topic, and is left out."""
    topics = log.topics()
    found = []
    for stage in stages:
        main = _READS.get(stage.partition(".")[0])
        if main is None:
            continue
        group = f"{prefix}.{stage}"
        read: list[str] = []
        committed = lag = 0
        for topic in topics:
            bare = topic.name.removeprefix(f"{prefix}.")
            # A table's changelog belongs to its stage and is no input.
            if bare == topic.name or topic.compact:
                continue
            lags = log.lag(group, topic.name).values()
            if bare == main or any(each.committed is not None for each in lags):
                read.append(bare)
                committed += sum(each.committed or 0 for each in lags)
                lag += sum(each.records for each in lags)
        found.append(StageProgress(stage, group, tuple(read), committed, lag))
    return found
