"""The stage `train`: decides from `pairs` and `training` when a run is due, and carries it.

The records are taken in as in any other stage. Beside that one task drives: it looks at the run
that the topic says is under way and carries it a step further, until it is over. Before it looks,
and before anything is started, all that stands on the topics is read, its own records too; so what
was published before a crash is known after it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from zoneinfo import ZoneInfo

from schemas.settings import Settings
from schemas.table import Table
from schemas.topics import TRAINING
from schemas.training import TrainingRun
from streams.batch import BatchStage
from streams.broker import Broker
from streams.embedded.locks import FileLock
from streams.flow import Incoming, Outgoing
from streams.replay.topics import partitions
from streams.stages.sinks import panel_label
from streams.status.training import TrainingState, describe_run, write_training
from streams.training.driver import Driver
from streams.training.steps import Steps
from trainer.runs import book, examples
from trainer.runs.states import give_up
from trainer.runs.trigger import Trigger

LOOK_EVERY = 60.0
"""Most seconds between two looks at the clock: a machine that has slept does not know how long."""

READ_EVERY = 5.0
"""Seconds between two looks at partitions that another worker was given."""

WRITE_EVERY = 0.5
"""Least seconds between two writings of the state."""

OWNER = 0
"""Who has this partition decides and drives."""

STOPPED = "stopped by a person"

logger = logging.getLogger(__name__)


def make(name: str, settings: Settings, broker: Broker) -> TrainStage:
    """Return the stage, not yet started."""
    from streams.training.wired import WiredSteps

    return TrainStage(name, settings, broker, WiredSteps(settings))


def make_trigger(settings: Settings) -> Trigger:
    """Return the decisions of these settings."""
    zone = ZoneInfo(settings.sinks.timezone) if settings.sinks.timezone else None
    return Trigger(settings.train, panel_label(settings), settings.pairs, zone)


class TrainHandler:
    """The trigger as the shell knows it.

    Args:
        changed: is called when a run or a request has come.
    """

    def __init__(self, trigger: Trigger, changed: Callable[[], None] = lambda: None) -> None:
        self._trigger = trigger
        self._changed = changed

    def apply(self, record: Incoming, table: Table) -> list[Outgoing]:
        """Take in one record; nothing follows from it before its time."""
        place = (record.topic, record.partition, record.offset, record.timestamp_ms)
        self._trigger.take(*place, record.key or b"", record.value, table)
        if record.topic == TRAINING:
            self._changed()
        return []

    def next_due(self, table: Table) -> int | None:
        """Return when a run may start next (epoch milliseconds), or None."""
        start = self._trigger.next_start(table)
        return None if start is None else start.at_ms

    def due(self, now_ms: int, table: Table) -> list[Outgoing]:
        """Start a run, if it may."""
        started = self._trigger.start(now_ms, table)
        for run in started:
            logger.info("training %s is %s, attempt %d", run.id[:8], run.state, run.attempt)
            self._changed()
        return [outgoing(run) for run in started]


class TrainStage(BatchStage):
    """The trigger and the driver."""

    def __init__(self, name: str, settings: Settings, broker: Broker, steps: Steps) -> None:
        trigger = self._trigger = make_trigger(settings)
        self._woken = asyncio.Event()
        self._timed = TrainHandler(trigger, self._woken.set)
        topics, version = trigger.topics, trigger.version
        super().__init__(name, topics, version, self._timed, settings, broker, scope="worker")
        self._runs = settings.paths.home / "training"
        self._runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = FileLock(self._runs / "driver.lock")
        self._steps = steps
        self._driver = Driver(steps, settings.train, self._runs, self._tell, self._changed)
        self._driving: asyncio.Task[None] | None = None
        self._writing: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Join the consumer group and begin."""
        await super().start()
        self._driving = asyncio.create_task(self._drive_on(), name=f"{self.name} driver")

    async def stop(self) -> None:
        """End what is under way, which goes on at the next start, and leave the group."""
        if self._driving is not None:
            self._driving.cancel()
            await asyncio.wait({self._driving})
        if self._writing is not None:
            self._writing.cancel()
        self._lock.close()
        await super().stop()

    def assigned(self) -> None:
        """Look again at what is to be done, and by whom."""
        super().assigned()
        self._woken.set()

    # The clock

    async def _do_what_is_due(self) -> float | None:
        if not self._owns:
            return None
        await self._read_all()
        wait = await self._close(self._timed, OWNER)
        self._changed()
        limit = READ_EVERY if self._unassigned else LOOK_EVERY
        return limit if wait is None else min(wait, limit)

    async def _is_current(self, partition: int) -> bool:  # noqa: ARG002 - all of them matter
        await self._read_all()
        return True

    async def _read_all(self) -> None:
        """Read all that stands on the topics, whoever has been given it."""
        for topic in self.topics:
            for number in range(partitions(self.broker, topic, self.settings)):
                await self._read_on(topic, number, await self.broker.end(topic, number))

    async def _read_on(self, topic: str, partition: int, stop: int) -> None:
        start = self.store.applied(topic, partition) or 0
        while start < stop and (records := await self.broker.read(topic, partition, start, stop)):
            await self.broker.publish([out for each in records for out in self._apply(each)])
            start = records[-1].offset + 1
            self.store.advance(topic, partition, start)
            self.store.commit()

    @property
    def _owns(self) -> bool:
        return self._opened is not None and OWNER in self._partitions

    @property
    def _unassigned(self) -> bool:
        return len(self._partitions) < partitions(self.broker, TRAINING, self.settings)

    # Driving

    async def _drive_on(self) -> None:
        try:
            await self._only_driver()
            await self._steps.begin()
            while True:
                await self._drive()
        except Exception as error:  # noqa: BLE001 - as for records: the supervisor starts anew
            self.fail(error)

    async def _only_driver(self) -> None:
        """Wait until no other process drives on this machine."""
        waited = 0.0
        while not self._lock.try_acquire():
            if not waited:
                logger.info("another process drives the training of this home; waiting for it")
            waited = min(waited + 0.1, 1.0)
            await asyncio.sleep(waited)

    async def _drive(self) -> None:
        """Do the next thing that is to be done for the run under way, or wait for one."""
        self._woken.clear()
        run = await self._under_way()
        if run is not None and self._stop_asked(run):
            await self._tell(give_up(run, STOPPED, int(time.time() * 1000)))
        elif run is not None and run.retry_ms is None:
            await self._carry(run)
        else:
            await self._woken.wait()

    async def _under_way(self) -> TrainingRun | None:
        async with self._busy:
            if not self._owns:
                return None
            await self._read_all()
            return book.under_way(self._table(OWNER))

    async def _carry(self, run: TrainingRun) -> None:
        """Carry a run on until it needs no one, is to be stopped, or is another worker's."""
        carrying = asyncio.create_task(self._driver.carry(run), name=f"training {run.id[:8]}")
        try:
            while not carrying.done():
                self._woken.clear()
                if not self._owns or self._stop_asked(run):
                    break
                woken = asyncio.create_task(self._woken.wait())
                await asyncio.wait({carrying, woken}, return_when=asyncio.FIRST_COMPLETED)
                woken.cancel()
        finally:
            carrying.cancel()
            await asyncio.wait({carrying})
        if not carrying.cancelled():
            carrying.result()

    def _stop_asked(self, run: TrainingRun) -> bool:
        return self._opened is not None and book.stop_asked(run.id, self._table(OWNER))

    async def _tell(self, run: TrainingRun) -> None:
        await self.broker.publish([outgoing(run)])

    # What is said of it

    def _changed(self) -> None:
        """Write the state down, soon and once for all that changes meanwhile."""
        if self._writing is None:
            loop = asyncio.get_running_loop()
            self._writing = loop.call_later(WRITE_EVERY, self._write)

    def _write(self) -> None:
        self._writing = None
        if not self._owns:
            return
        table = self._table(OWNER)
        now_ms = int(time.time() * 1000)
        start = self._trigger.next_start(table, now_ms)
        run = self._driver.run or book.under_way(table)
        left = self._driver.pace.seconds_left if self._driver.run else None
        state = TrainingState(
            at_ms=now_ms,
            new=examples.new(table).number,
            threshold=self.settings.train.min_pairs,
            next_ms=None if start is None else start.at_ms,
            why="" if start is None else start.why,
            run=describe_run(run, self._driver.doing, left) if run else None,
        )
        try:
            write_training(self.settings.paths.home, state)
        except OSError as error:
            logger.warning("`clawback status` will be out of date: %s", error)


def outgoing(run: TrainingRun) -> Outgoing:
    """Return a run's record on its topic."""
    return Outgoing(TRAINING, run.id.encode(), run.to_bytes())
