"""Taking in the records of the topics that pairs are made of: what is kept of each goes into its
turn's shard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from pydantic import ValidationError

from schemas.generation import Generation
from schemas.reaction import Reaction
from schemas.review import Review
from schemas.topics import GENERATIONS, REACTIONS, REVIEWS, TURNS, VERDICTS
from schemas.verdict import Verdict
from sinks import known
from sinks.bulk.frames import FrameWriter
from sinks.bulk.shards import Shards
from sinks.strategies.asked import Asked

TOPICS: Final = (TURNS, VERDICTS, REACTIONS, GENERATIONS, REVIEWS)
"""What is read."""

TAKEN: Final = "taken"
TURN, SCORE, HEARD, MADE = "turn", "score", "heard", "made"
"""What a frame in a shard holds: the first word of its head."""


@dataclass(slots=True)
class Taken:
    """What was read: how many records of each topic (`unreadable` are those that the line has put
    among the dead letters), and what persons said of pairs."""

    records: Counter[str] = field(default_factory=Counter)
    reviews: list[Review] = field(default_factory=list)

    def add(self, other: Taken) -> None:
        """Add what was read elsewhere."""
        self.records += other.records
        self.reviews += other.reviews


def take(shards: Shards, writer: str, panel: str, records: Iterable[tuple[str, bytes]]) -> Taken:
    """Take in records.

    Args:
        shards: where to.
        writer: a name of its own for each call.
        panel: whose verdicts count, by its label.
        records: topic and value of each.
    """
    taken = Taken()
    with FrameWriter(shards.folder) as frames:
        for topic, value in records:
            try:
                _take(topic, value, shards, writer, panel, frames, taken)
            except ValidationError:
                # The line has put it among the dead letters; here it is only counted.
                taken.records["unreadable"] += 1
            else:
                taken.records[topic] += 1
    return taken


def _take(
    topic: str,
    value: bytes,
    shards: Shards,
    writer: str,
    panel: str,
    frames: FrameWriter,
    taken: Taken,
) -> None:
    def part(turn_id: str) -> str:
        return shards.part(TAKEN, shards.of_turn(turn_id), writer)

    if topic == TURNS:
        asked = Asked.model_validate_json(value)
        line = known.line(asked, value)
        request = asked.request if line.groups else ""
        head = (TURN, asked.id, line.rank, line.session, line.started_ms, request, line.groups)
        frames.add(part(asked.id), head, value if line.groups else b"")
        if asked.reaction is not None:
            _hear(asked.reaction, part(asked.reaction.turn_id), frames)
    elif topic == VERDICTS:
        read = known.read_verdict(Verdict.model_validate_json(value))
        if read.label == panel:
            score = (read.status, read.overall, read.rationales, read.judges)
            frames.add(part(read.turn_id), (SCORE, read.turn_id, read.rank, *score))
    elif topic == REACTIONS:
        reaction = Reaction.model_validate_json(value)
        _hear(reaction, part(reaction.turn_id), frames)
    elif topic == GENERATIONS:
        made = Generation.model_validate_json(value)
        frames.add(part(made.turn_id), (MADE, made.turn_id), value)
    else:
        taken.reviews.append(Review.model_validate_json(value))


def _hear(reaction: Reaction, part: str, frames: FrameWriter) -> None:
    if reaction.at_ms is not None:
        head = (HEARD, reaction.turn_id, reaction.id, reaction.at_ms, reaction.text)
        frames.add(part, head)
