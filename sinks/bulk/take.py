"""Taking in the records of the topics that pairs are made of: what is kept of each goes into its
turn's shard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from schemas.generation import Generation
from schemas.reaction import Reaction
from schemas.review import Review
from schemas.tool import read_tool
from schemas.topics import GENERATIONS, REACTIONS, REVIEWS, TOOLS, TURNS, VERDICTS
from schemas.verdict import Verdict
from sinks import known
from sinks.bulk.frames import FrameWriter
from sinks.bulk.shards import Shards
from sinks.offered import ToolsRead
from sinks.strategies.asked import Asked

TOPICS: Final = (TURNS, VERDICTS, REACTIONS, GENERATIONS, REVIEWS, TOOLS)
"""What is read."""

TAKEN: Final = "taken"
TURN, SCORE, HEARD, MADE = "turn", "score", "heard", "made"
"""What a frame in a shard holds: the first word of its head."""


@dataclass(slots=True)
class Taken:
    """What was read: how many records of each topic (`unreadable` are those that the line has put
    among the dead letters), what persons said of pairs, and what models were offered."""

    records: Counter[str] = field(default_factory=Counter)
    reviews: list[Review] = field(default_factory=list)
    tools: ToolsRead = field(default_factory=ToolsRead)


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
        taker = _Taker(shards, writer, panel, frames, taken)
        for topic, value in records:
            try:
                taker.take(topic, value)
            except ValidationError:
                # The line has put it among the dead letters; here it is only counted.
                taken.records["unreadable"] += 1
            else:
                taken.records[topic] += 1
    return taken


class _Taker:
    """Puts what is kept of a record into the shard of its turn."""

    def __init__(
        self, shards: Shards, writer: str, panel: str, frames: FrameWriter, taken: Taken
    ) -> None:
        self._shards = shards
        self._parts = shards.parts_of(TAKEN, writer)
        self._panel = panel
        self._frames = frames
        self._taken = taken

    def take(self, topic: str, value: bytes) -> None:
        if topic == TURNS:
            asked = Asked.model_validate_json(value)
            line = known.line(asked, value)
            request, record = (asked.request, value) if line.groups else ("", b"")
            head = (TURN, asked.id, line.rank, line.session, line.started_ms, request, line.groups)
            self._put(asked.id, head, record)
            if asked.reaction is not None:
                self._hear(asked.reaction)
        elif topic == VERDICTS:
            read = known.read_verdict(Verdict.model_validate_json(value), value)
            if read.label == self._panel:
                score = (read.status, read.overall, read.rationales, read.judges)
                self._put(read.turn_id, (SCORE, read.turn_id, read.rank, *score))
        elif topic == REACTIONS:
            self._hear(Reaction.model_validate_json(value))
        elif topic == GENERATIONS:
            made = Generation.model_validate_json(value)
            self._put(made.turn_id, (MADE, made.turn_id), value)
        elif topic == TOOLS:
            self._taken.tools.read(read_tool(value))
        else:
            self._taken.reviews.append(Review.model_validate_json(value))

    def _hear(self, reaction: Reaction) -> None:
        if reaction.at_ms is not None:
            head = (HEARD, reaction.turn_id, reaction.id, reaction.at_ms, reaction.text)
            self._put(reaction.turn_id, head)

    def _put(self, turn_id: str, head: tuple[Any, ...], body: bytes = b"") -> None:
        self._frames.add(self._parts[self._shards.of_turn(turn_id)], head, body)
