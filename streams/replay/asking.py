"""Having the missing judgements made, each published as soon as it is there.

The judgements topic itself is the progress: what stands there is not asked again, whoever asked.
So a replay can be stopped at any moment and goes on by planning again.
"""

from __future__ import annotations

import asyncio
import logging
from array import array
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Literal

from pydantic import ValidationError

from agents.ensemble import Pin
from agents.judges import Judge
from schemas.reaction import Reaction
from schemas.settings import Settings
from schemas.topics import CANDIDATES, JUDGEMENTS, REACTIONS
from schemas.turn import Turn
from streams.broker import Broker
from streams.flow import Incoming, Outgoing
from streams.judging import Breaker
from streams.replay.outlet import Outlet
from streams.replay.plan import OFFSET_BITS, load
from streams.replay.topics import partitions, scan

STRETCH = 200
"""Most candidates read at once."""

GAP = 20
"""Candidates between two wanted ones that are read along rather than passed over."""

QUICK = 64
"""Turns that a judge without a model has at a time: it only ever waits for the broker."""

Outcome = Literal["asked", "spared", "failed"]
"""What became of a turn: it was judged, it had been by then (or can't be), or the judge broke."""

Done = Callable[[str, Outcome], None]

logger = logging.getLogger(__name__)


class Answers:
    """What judges have answered since a replay was planned; the running line answers, too."""

    def __init__(self, broker: Broker, starts: Mapping[int, int], pins: frozenset[Pin]) -> None:
        self._broker = broker
        self._next = dict(starts)
        self._pins = pins
        self._ids: set[tuple[str, Pin]] = set()
        self._reading = asyncio.Lock()

    async def has(self, turn_id: str, pin: Pin, partition: int) -> bool:
        """Say whether a judge has judged a turn by now."""
        async with self._reading:
            stop = await self._broker.end(JUDGEMENTS, partition)
            while self._next[partition] < stop:
                start = self._next[partition]
                records = await self._broker.read(JUDGEMENTS, partition, start, stop)
                for record in records:
                    self._take(record)
                self._next[partition] = records[-1].offset + 1 if records else stop
        return (turn_id, pin) in self._ids

    def _take(self, record: Incoming) -> None:
        value = load(record.value)
        if value is None:
            return
        pin = Pin(str(value.get("judge")), str(value.get("model")), str(value.get("rubric")))
        if pin in self._pins:
            self._ids.add((value["turn_id"], pin))


async def ask(
    source: Broker,
    judge: Judge,
    places: array[int],
    answers: Answers,
    outlet: Outlet,
    reactions: Mapping[str, Reaction],
    done: Done,
    *,
    workers: int,
) -> None:
    """Have a judge judge the turns at `places` and publish what it says.

    A machine that is away is waited for. A turn that can't be read is passed over: it is a dead
    letter of the judge's stage.

    Args:
        source: where the candidates are.
        judge: who is asked.
        places: of the candidates, as the plan has them.
        answers: what has been answered meanwhile.
        outlet: where the judgements go.
        reactions: what users said next, by turn, where a judge is to know.
        done: called for each turn with the judge's name.
        workers: how many turns it is given at a time.

    Raises:
        BrokerError: a broker is not there.
    """
    pin = Pin(judge.name, judge.model, judge.rubric)
    breaker = Breaker(judge.name)
    queue: asyncio.Queue[Incoming | None] = asyncio.Queue(maxsize=2 * workers)

    async def feed() -> None:
        async for record in candidates(source, places):
            await queue.put(record)
        for _ in range(workers):
            await queue.put(None)

    async def work() -> None:
        while (record := await queue.get()) is not None:
            try:
                turn = Turn.from_bytes(record.value or b"")
            except ValidationError:
                done(judge.name, "spared")
                continue
            if await answers.has(turn.id, pin, record.partition):
                done(judge.name, "spared")
                continue
            try:
                if turn.reaction is None and turn.id in reactions:
                    turn = turn.model_copy(update={"reaction": reactions[turn.id]})
                judgement = await breaker.ask(judge, turn)
            except Exception:
                # One turn that meets a mistake of ours must not end the whole replay.
                logger.exception("judge %s: turn %s", judge.name, turn.id)
                done(judge.name, "failed")
                continue
            await outlet.publish([Outgoing(JUDGEMENTS, turn.id.encode(), judgement.to_bytes())])
            done(judge.name, "asked")

    async with asyncio.TaskGroup() as group:
        group.create_task(feed())
        for _ in range(workers):
            group.create_task(work())


async def candidates(broker: Broker, places: array[int]) -> AsyncIterator[Incoming]:
    """Yield the candidates at `places`, neighbours with one reading."""
    at = 0
    while at < len(places):
        stretch = _stretch(places, at)
        partition = stretch[0] >> OFFSET_BITS
        wanted = {place & (1 << OFFSET_BITS) - 1 for place in stretch}
        start, stop = min(wanted), max(wanted) + 1
        while start < stop and (records := await broker.read(CANDIDATES, partition, start, stop)):
            for record in records:
                if record.offset in wanted:
                    yield record
            start = records[-1].offset + 1
        at += len(stretch)


async def reactions_of(broker: Broker, settings: Settings) -> dict[str, Reaction]:
    """Return the first reaction to each turn that has one on the topic: some 500 bytes each.

    Raises:
        BrokerError: the broker is not there.
    """
    found: dict[str, Reaction] = {}
    for number in range(partitions(broker, REACTIONS, settings)):
        async for record in scan(broker, REACTIONS, number):
            try:
                reaction = Reaction.from_bytes(record.value or b"")
            except ValidationError:
                continue
            found.setdefault(reaction.turn_id, reaction)
    return found


def _stretch(places: array[int], at: int) -> array[int]:
    """Return the next places that lie close together in one partition."""
    end = at + 1
    while end < len(places) and end - at < STRETCH and places[end] - places[end - 1] <= GAP:
        end += 1
    return places[at:end]
