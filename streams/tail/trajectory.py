"""Trajectories: the files beside the transcripts that say what tools a model was offered.

OpenClaw writes one anew with each run, through a file of another name, and leaves out its oldest
events once it has 10 MB. It holds the system prompt and all messages over and over; of that
nothing goes on to a topic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import orjson

from agents.offers import Offered, UnusableEvent, is_offer, offered
from schemas.settings import Tail
from schemas.tool import ToolDefinition, ToolOffer
from schemas.topics import TOOLS
from streams.flow import Outgoing
from streams.tail.guard import Guard
from streams.tail.lines import Line, Unreadable, clean, parse
from streams.tail.records import Records, too_long
from streams.tail.transcript import Batch, Generation, Transcript

MOST_SAID: Final = 10_000
"""Definitions that are remembered as published; to forget one only publishes it again."""

_HEAD_BYTES: Final = 1024
_DATA: Final = b'"data":'


class Said:
    """The definitions that have been published since the start."""

    def __init__(self) -> None:
        self._ids: set[str] = set()

    def is_new(self, definition: str) -> bool:
        """Whether a definition is new, which it is no more from now on."""
        if definition in self._ids:
            return False
        if len(self._ids) >= MOST_SAID:
            self._ids.clear()
        self._ids.add(definition)
        return True


class Offers:
    """Makes the records of one trajectory.

    Args:
        agent, session: whose it is.
        records: makes its dead letters.
        guard: decides what of it may pass.
        said: the definitions that need not be published again.
    """

    def __init__(
        self, agent: str, session: str, records: Records, guard: Guard, said: Said
    ) -> None:
        self._agent = agent
        self._session = session
        self._records = records
        self._guard = guard
        self._said = said

    def of_line(self, line: Line, max_line: int) -> Iterator[Outgoing]:
        """Yield the records of a line: definitions and the offer of them, a dead letter where an
        offer can't be read, and nothing for any other event."""
        if self._records.forgotten or not is_offer(line.data):
            return
        if not line.whole:
            yield self._dead(line, too_long(max_line))
            return
        try:
            found = offered(orjson.loads(parse(clean(line).data)))
        except (Unreadable, UnusableEvent) as error:
            yield self._dead(line, str(error))
            return
        if found is not None:
            yield from self._of(found)

    def _dead(self, line: Line, reason: str) -> Outgoing:
        # Up to where the data begins, which holds what was said in the session.
        head = line.data.find(_DATA, 0, _HEAD_BYTES)
        return self._records.dead(line, reason, max(head, 0))

    def _of(self, found: Offered) -> Iterator[Outgoing]:
        key, ids = self._agent.encode(), []
        for definition in self._definitions(found):
            value = definition.to_bytes()
            if self._guard.forgets_line(value):
                continue
            ids.append(definition.id)
            if self._said.is_new(definition.id):
                yield Outgoing(TOOLS, key, value)
        offer = ToolOffer.of(self._agent, self._session, found.at_ms, tuple(ids))
        yield Outgoing(TOOLS, key, offer.to_bytes())

    def _definitions(self, found: Offered) -> Iterator[ToolDefinition]:
        lines = [orjson.dumps(tuple(tool)) for tool in found.tools]
        passes = self._guard.passes(lines)
        for tool, line in zip(found.tools, lines, strict=True):
            given = tool if passes else orjson.loads(self._guard.line(line).data)
            name, description, parameters, cut = given
            cut = tuple(tuple(keys) for keys in cut)
            yield ToolDefinition.of(self._agent, name, description, parameters, cut)


class Trajectory(Transcript):
    """A trajectory file. It has no markers: it says nothing of whether its session goes on.

    Args:
        root, agent, number, tail, guard: see `Transcript`.
        said: the agent's definitions that need not be published again.
    """

    def __init__(
        self,
        root: Path,
        agent: str,
        number: Callable[[], int],
        tail: Tail,
        guard: Guard,
        said: Said,
    ) -> None:
        super().__init__(root, agent, number, tail, guard)
        self._said = said

    def _made(self, one: Generation, lines: Sequence[Line]) -> Iterator[Outgoing]:
        offers = Offers(self._agent, one.name.session, self._records(one), self._guard, self._said)
        for line in lines:
            yield from offers.of_line(line, self._tail.max_line_bytes)

    def _mark(self, one: Generation, batch: Batch, now: float) -> None:
        """Nothing."""
