"""Taking in all records of the topics that pairs are made of, before any pair is made.

What a record says is read by a pure function, in whatever process; `Intake` puts it in the table.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

from pydantic import ValidationError

from schemas.generation import Generation
from schemas.reaction import Reaction
from schemas.review import Review
from schemas.table import Table
from schemas.tool import ToolDefinition, ToolOffer, read_tool
from schemas.topics import GENERATIONS, REACTIONS, REVIEWS, TOOLS, TURNS, VERDICTS
from schemas.verdict import Verdict
from sinks import known
from sinks.kept import take_review
from sinks.known import Heard, TurnRead, VerdictRead
from sinks.offered import take_tool
from sinks.spread import Spread
from sinks.strategies.asked import Asked

TOPICS = (TURNS, VERDICTS, REACTIONS, GENERATIONS, REVIEWS, TOOLS)
"""What is read."""


class Turned(NamedTuple):
    """A turn that was read, and what the user said after it, where its record tells."""

    turn: TurnRead
    heard: Heard | None


Read = Turned | VerdictRead | Heard | Generation | Review | ToolDefinition | ToolOffer


def read(topic: str, value: bytes) -> Read | None:
    """Return what is kept of a record of one of the `TOPICS`; None if it can't be read."""
    try:
        if topic == TURNS:
            asked = Asked.model_validate_json(value)
            heard = None if asked.reaction is None else known.read_reaction(asked.reaction)
            return Turned(known.read_turn(asked, value), heard)
        if topic == VERDICTS:
            return known.read_verdict(Verdict.model_validate_json(value))
        if topic == REACTIONS:
            return known.read_reaction(Reaction.model_validate_json(value))
        if topic == GENERATIONS:
            return Generation.model_validate_json(value)
        if topic == TOOLS:
            return read_tool(value)
        return Review.model_validate_json(value)
    except ValidationError:
        # The line has put it among the dead letters; here it is only counted.
        return None


class Intake:
    """Puts records into a table.

    Args:
        table: where to.
        spread: shares out the reading.
    """

    def __init__(self, table: Table, spread: Spread) -> None:
        self._table = table
        self._spread = spread
        self._judges: set[tuple[str, str]] = set()

    def take(self, topic: str, values: Iterable[bytes]) -> Iterator[bool]:
        """Take in records of one topic; yield for each whether it could be read."""
        waiting: deque[bytes] = deque()

        def noted() -> Iterator[bytes]:
            for value in values:
                waiting.append(value)
                yield value

        for found in self._spread(partial(read, topic), noted()):
            value = waiting.popleft()
            if found is not None:
                self._put(found, value)
            yield found is not None

    def _put(self, found: Read, value: bytes) -> None:
        if isinstance(found, Turned):
            if found.heard is not None:
                known.put_reaction(found.heard, self._table)
            known.put_turn(found.turn, value, self._table)
        elif isinstance(found, VerdictRead):
            if known.put_verdict(found, self._table):
                self._note_judges(found)
        elif isinstance(found, Heard):
            known.put_reaction(found, self._table)
        elif isinstance(found, Generation):
            known.take_generation(found, self._table)
        elif isinstance(found, Review):
            take_review(found, self._table)
        else:
            take_tool(found, self._table)

    def _note_judges(self, found: VerdictRead) -> None:
        # Few judges give many opinions: what is noted already need not be looked up.
        for judge in found.judges:
            if (found.label, judge) not in self._judges:
                self._judges.add((found.label, judge))
                known.note_judge(found.label, judge, self._table)
