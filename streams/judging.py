"""The stage of a judge that takes its time: a language model on a machine of its own.

As many turns are with the judge as it can take at once. Each is acknowledged by itself, so that a
slow one holds up no other, and each is judged once: answers that stand on the topic already,
published before a crash or by the worker before this one, are not paid for again.
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Any

from pydantic import ValidationError

from agents.judges import Judge, JudgeUnavailable
from schemas.judgement import Judgement, judgement_id
from schemas.settings import Settings
from schemas.topics import CANDIDATES, JUDGEMENTS
from schemas.turn import Turn
from streams.broker import Broker
from streams.flow import Outgoing
from streams.stage import Stage

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0

logger = logging.getLogger(__name__)


class Breaker:
    """Keeps turns from a machine that is down: one probes it, with growing pauses, the others
    wait until it answers."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._pause = FIRST_PAUSE
        self._closed = asyncio.Event()
        self._closed.set()
        self._probe = asyncio.Lock()

    async def ask(self, judge: Judge, turn: Turn) -> Judgement:
        """Return the judge's answer, however long its machine is away."""
        while True:
            await self._closed.wait()
            try:
                return await judge.judge(turn, turn.reaction)
            except JudgeUnavailable as error:
                self._open(error)
            async with self._probe:
                if not self._closed.is_set():
                    return await self._until_it_answers(judge, turn)

    def _open(self, error: JudgeUnavailable) -> None:
        if self._closed.is_set():
            logger.warning("judge %s pauses: %s", self._name, error)
            self._closed.clear()
            self._pause = FIRST_PAUSE

    async def _until_it_answers(self, judge: Judge, turn: Turn) -> Judgement:
        wish: float | None = None
        while True:
            # Spread, so that several judges on one machine do not knock at the same moment.
            await asyncio.sleep((wish or self._pause) * random.uniform(0.9, 1.1))
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
            try:
                answer = await judge.judge(turn, turn.reaction)
            except JudgeUnavailable as error:
                wish = error.retry_after
                continue
            logger.warning("judge %s is back", self._name)
            self._closed.set()
            return answer


class JudgeStage(Stage):
    """`candidates` to `judgements`, by one judge."""

    def __init__(self, judge: Judge, settings: Settings, broker: Broker) -> None:
        super().__init__(
            f"judge.{judge.name}",
            (CANDIDATES,),
            f"judge 1 {judge.model} {judge.rubric}",
            settings,
            broker,
            buffered=4 * judge.concurrency,
        )
        self._judge = judge
        self._breaker = Breaker(judge.name)
        self._slots = asyncio.Semaphore(judge.concurrency)
        self._recalling = asyncio.Lock()
        self._recalled: set[int] = set()
        self._asked: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        """Leave the group; the turns that are with the judge will be asked again."""
        for task in self._asked:
            task.cancel()
        await asyncio.gather(*self._asked, return_exceptions=True)
        await super().stop()
        await self._judge.aclose()

    def assigned(self) -> None:
        """Look again at what has been answered."""
        self._recalled.clear()

    async def work(self, stream: Any) -> None:
        """Give the judge one turn after another, as many at once as it can take."""
        async for event in stream.noack().events():
            await self._slots.acquire()
            task = asyncio.create_task(self._judge_one(event))
            self._asked.add(task)
            task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._asked.discard(task)
        self._slots.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)

    async def _judge_one(self, event: Any) -> None:
        record = self.incoming(event)
        await self._recall(record.partition)
        try:
            turn = Turn.from_bytes(record.value or b"")
        except ValidationError as error:
            await self.broker.publish([self.dead_letter(record, error)])
            event.ack()
            return
        judge = self._judge
        key = _done(judgement_id(turn.id, judge.name, judge.model, judge.rubric))
        table = self.store.table(str(record.partition))
        if table.get(key) is None:
            judgement = await self._breaker.ask(judge, turn)
            await self.broker.publish(
                [Outgoing(JUDGEMENTS, turn.id.encode(), judgement.to_bytes())]
            )
            table.put(key, b"")
            self.store.commit()
        event.ack()

    async def _recall(self, partition: int) -> None:
        """Note which turns of a partition this judge has answered, as the topic has it."""
        if partition in self._recalled:
            return
        async with self._recalling:
            if partition in self._recalled:
                return
            table = self.store.table(str(partition))
            start = self.store.applied(JUDGEMENTS, partition) or 0
            stop = await self.broker.end(JUDGEMENTS, partition)
            while records := await self.broker.read(JUDGEMENTS, partition, start, stop):
                for record in records:
                    judgement = Judgement.from_bytes(record.value or b"")
                    if judgement.judge == self._judge.name:
                        table.put(_done(judgement.id), b"")
                start = records[-1].offset + 1
                self.store.advance(JUDGEMENTS, partition, start)
                self.store.commit()
            self._recalled.add(partition)


def _done(judgement: str) -> str:
    return f"done/{judgement}"
