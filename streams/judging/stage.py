"""The stage itself.

As many turns are with the judge as it can take at once, and the next ones stand ready, so that
its machine never waits for anything else: an answer is written down, the next turn is asked, and
only then does the answer go to the broker, together with others that have come meanwhile. Each
turn is acknowledged by itself, so that a slow one holds up no other, and each is judged once:
see `streams.judging.ledger`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from agents.judges import Judge
from schemas.judgement import Judgement, judgement_id
from schemas.reaction import Reaction
from schemas.settings import Settings
from schemas.topics import CANDIDATES, JUDGEMENTS
from schemas.turn import Turn
from streams.broker import Broker
from streams.flow import Outgoing
from streams.judging.breaker import Breaker, Pause
from streams.judging.figures import Pace, Reporter, Totals, load_totals, save_totals
from streams.judging.ledger import Ledger
from streams.judging.machine import Machine, YieldingJudge
from streams.judging.outbox import Letter, Outbox
from streams.judging.reactions import Reactions
from streams.stage import Stage, seat_table
from streams.status.judges import JudgeState, write_judge
from streams.supervisor import leash

TRIES = 3
"""How often a turn is judged before an error of our own ends as an abstention."""

FAILED = "failed"
"""The reason of that abstention."""

STALE = 2.0
"""Seconds after which the topic is looked at once more before a turn that stood ready is asked."""

PUBLISHING = 32
"""Answers that may be on their way to the broker before no further turn is taken."""

logger = logging.getLogger(__name__)


class JudgeStage(Stage):
    """`candidates` to `judgements`, by one judge.

    Args:
        reaction_wait: how long after its end a turn waits for the user's reaction, in seconds.
    """

    def __init__(
        self, judge: Judge, settings: Settings, broker: Broker, *, reaction_wait: float = 0.0
    ) -> None:
        super().__init__(
            f"judge.{judge.name}",
            (CANDIDATES,),
            f"judge 1 {judge.model} {judge.rubric}",
            settings,
            broker,
            buffered=4 * judge.concurrency,
        )
        self._machine = Machine(settings.paths.home, judge.name, self._paused)
        self._judge: Judge = YieldingJudge(judge, self._machine)
        self._slots = asyncio.Semaphore(judge.concurrency)
        self._room = asyncio.Semaphore(2 * judge.concurrency + PUBLISHING)
        self._tasks: set[asyncio.Task[None]] = set()
        self._at_hand: dict[str, asyncio.Task[None]] = {}
        self._asking = 0
        self._stopping = False
        self._ledger = Ledger(judge.name, broker, lambda: self.store)
        self._outbox = Outbox(self._send)
        self._reactions = Reactions(broker, lambda: self.store, reaction_wait)
        self._reactions.failed = self.fail
        self._totals: Totals | None = None
        self._pace = Pace()
        self._reporter = Reporter(self._state, self._write)
        self._breaker = Breaker(judge.name, self._paused)

    async def start(self) -> None:
        """Join the consumer group and begin."""
        await super().start()
        self._reporter.start(self.fail)
        self._machine.watch(self.fail)

    async def stop(self) -> None:
        """Leave the group. Answers at hand are published; the turns that are with the judge will
        be asked again."""
        self._stopping = True
        await self._outbox.flush()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._reactions.close()
        self._reporter.stop()
        await super().stop()
        await self._judge.aclose()

    def _paused(self) -> None:
        """Say that the machine is away or wanted, or back: a stage that waits for it does not
        hang."""
        leash.paused(self.name, yes=self._pause is not None)
        if self._opened is not None:
            # Before that there are no counts to tell; `assigned` has all told.
            self._reporter.changed()

    @property
    def _pause(self) -> Pause | None:
        return self._machine.pause or self._breaker.pause

    def assigned(self) -> None:
        """Look again at what has been answered, and say how things stand."""
        self._ledger.forget()
        self._reporter.changed()

    async def work(self, stream: Any) -> None:
        """Give the judge one turn after another, as many at once as it can take."""
        async for event in stream.noack().events():
            await self._room.acquire()
            if self._stopping:
                # What has not been begun is read again at the next start.
                return
            task = asyncio.create_task(self._see_to(event))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)

    async def _see_to(self, event: Any) -> None:
        """Bring one record to its end, whatever that is, and acknowledge it."""
        record = self.incoming(event)
        if record.is_filler:
            self._room.release()
            event.ack()
            return
        case = _Case(event, record.partition, record.offset, self._room)
        try:
            case.turn = Turn.from_bytes(record.value or b"")
        except ValidationError as error:
            await self.broker.publish([self.dead_letter(record, error)])
        else:
            del record
            await self._once(case)
        finally:
            case.make_room()
        event.ack()

    async def _once(self, case: _Case) -> None:
        """Judge a turn unless that is done or under way."""
        turn_id = case.turn.id
        other = self._at_hand.get(turn_id)
        if other is not None:
            # It came twice: a rebalance, or two copies on the topic. One answer serves both, and
            # what becomes of the other becomes of this one.
            await asyncio.shield(other)
            return
        me = asyncio.current_task()
        assert me is not None
        self._at_hand[turn_id] = me
        try:
            await self._judge_one(case)
        finally:
            del self._at_hand[turn_id]

    async def _judge_one(self, case: _Case) -> None:
        judge, partition = self._judge, case.partition
        name = judgement_id(case.turn.id, judge.name, judge.model, judge.rubric)
        await self._ledger.read(partition)
        if self._ledger.is_done(partition, name):
            return
        judgement = self._ledger.kept(partition, name)
        if judgement is None:
            reaction = await self._reaction(case)
            letter = await self._ask(case.turn, reaction, partition, name)
        else:
            letter = Letter(partition, judgement, judgement.to_bytes())
        if letter is not None:
            await self._outbox.send(letter)

    async def _reaction(self, case: _Case) -> Reaction | None:
        """Return what the user said next, having waited for it as long as this judge does."""
        turn_id, partition = case.turn.id, case.partition
        reaction = await self._reactions.find(turn_id, partition)
        seconds = self._reactions.left(case.turn)
        if reaction is not None or seconds <= 0:
            return reaction
        case.put_away()
        self._reporter.changed()
        await self._reactions.wait(turn_id, partition, seconds)
        (record,) = await self.broker.read(CANDIDATES, partition, case.offset, case.offset + 1)
        case.turn = Turn.from_bytes(record.value or b"")
        return await self._reactions.find(turn_id, partition)

    async def _ask(
        self, turn: Turn, reaction: Reaction | None, partition: int, name: str
    ) -> Letter | None:
        """Return the judge's answer, written down; None if the topic has one by now."""
        ready = time.monotonic()
        async with self._slots:
            await self._machine.free()
            if time.monotonic() - ready > STALE:
                await self._ledger.read(partition)
                if self._ledger.is_done(partition, name):
                    return None
            self._asking += 1
            self._reporter.changed()
            try:
                judgement = await self._answer(turn, reaction)
            finally:
                self._asking -= 1
            return Letter(partition, judgement, self._ledger.keep(partition, judgement))

    async def _answer(self, turn: Turn, reaction: Reaction | None) -> Judgement:
        for tries in range(TRIES):
            try:
                return await self._breaker.ask(self._judge, turn, reaction)
            except Exception as error:
                # One turn that meets a mistake of ours must not end the judge again and again.
                logger.exception("%s: turn %s, attempt %d", self.name, turn.id, tries + 1)
                failure = f"{type(error).__name__}: {error}"
        return self._judge.abstention(turn, FAILED, failure)

    async def _send(self, letters: Sequence[Letter]) -> None:
        """Publish answers; then note, in one go, that they are."""
        await self.broker.publish(
            [Outgoing(JUDGEMENTS, each.judgement.turn_id.encode(), each.value) for each in letters]
        )
        totals = self._counted()
        for letter in letters:
            totals = totals.plus(letter.judgement)
            self._pace.tick()
        self._totals = totals
        self._ledger.settle((each.partition, each.judgement.id) for each in letters)
        save_totals(self.store.table("all"), totals)
        self.store.commit()
        self._reporter.changed()

    def _counted(self) -> Totals:
        if self._totals is None:
            self._totals = load_totals(self.store.table("all"))
        return self._totals

    def _state(self) -> JudgeState:
        totals = self._counted()
        pause = self._pause
        return JudgeState(
            judge=self._judge.name,
            model=self._judge.model,
            concurrency=self._judge.concurrency,
            at_ms=int(time.time() * 1000),
            asking=self._asking,
            waiting=self._reactions.waiting,
            paused=pause.reason if pause else "",
            paused_since_ms=pause.since_ms if pause else None,
            scored=totals.scored,
            abstained=totals.abstained,
            tokens_in=totals.tokens_in,
            tokens_out=totals.tokens_out,
            seconds=round(totals.seconds, 1),
            per_second=self._pace.per_second,
        )

    def _write(self, state: JudgeState) -> None:
        number = self._seat.number if self._seat else 0
        write_judge(self.settings.paths.home, seat_table(self.name, number), state)


class _Case:
    """A turn on its way through the stage, the event it came with, and the room it takes."""

    turn: Turn

    def __init__(self, event: Any, partition: int, offset: int, room: asyncio.Semaphore) -> None:
        self.partition = partition
        self.offset = offset
        self._event = event
        self._room: asyncio.Semaphore | None = room

    def put_away(self) -> None:
        """Hold nothing but the turn's place on the topic, and take no room from others."""
        del self.turn
        self._event.value = self._event.message.value = None
        self.make_room()

    def make_room(self) -> None:
        """Give the room back, once."""
        if self._room is not None:
            self._room.release()
            self._room = None
