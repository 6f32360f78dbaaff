"""Carries a run through its steps, from wherever it stands."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from schemas.settings import Train
from schemas.training import TrainingProgress, TrainingRun, TrainingState
from streams.flow import BrokerError
from streams.training.pace import Pace
from streams.training.steps import Failed, Postponed, Refused, Steps, Work
from trainer.runs.states import advance, fail, postpone

PROGRESS_EVERY = 5.0
"""Seconds between two records of how far a training is."""

logger = logging.getLogger(__name__)

Tell = Callable[[TrainingRun], Awaitable[None]]
"""Publishes a run's record; returns once it is on the topic."""


class Driver:
    """Carries one run at a time.

    `run` is the run at hand as it was last told, None between runs; `doing` says in a few words
    what is being done for it, `pace` how fast it trains.

    Args:
        steps: what a run consists of.
        train: how often a failed attempt is tried again, and when.
        folder: holds the folders of all runs.
        tell: publishes.
        changed: is called when there is something new to look at.
    """

    def __init__(
        self,
        steps: Steps,
        train: Train,
        folder: Path,
        tell: Tell,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._steps = steps
        self._train = train
        self._folder = folder
        self._tell = tell
        self._changed = changed
        self.run: TrainingRun | None = None
        self.doing = ""
        self.pace = Pace()

    async def carry(self, run: TrainingRun) -> None:
        """Carry a run on until it is over, or waits for a time. Cancelled, it leaves the run as
        it is: what was begun is ended, and another call goes on."""
        self.run, self.pace = run, Pace()
        try:
            await self._attempt()
        except Refused as error:
            await self._to("refused", reason=str(error), hosts=())
        except Postponed as error:
            retry_ms = _now_ms() + int(self._train.backoff * 1000)
            await self._put(postpone(self._run, str(error), _now_ms(), retry_ms))
        except Failed as error:
            await self._fail(str(error), retry=error.retry)
        except BrokerError:
            raise
        except Exception as error:
            logger.exception("training %s", run.id[:8])
            await self._fail(f"{type(error).__name__}: {error}")
        finally:
            self.run, self.doing = None, ""
            self._changed()

    async def _attempt(self) -> None:
        self._check_settings()
        self._work().folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._run.state == "planned":
            await self._prepare()
        if self._run.state in ("waiting", "running"):
            await self._train_and_measure()
        elif not self._steps.measured(self._work()):
            # Measuring was broken off.
            async with self._steps.hold(self._work()):
                await self._steps.measure(self._work(), self._do)
        await self._conclude()

    def _check_settings(self) -> None:
        """Settings may have been changed while a run waited; its id and its record say others."""
        train = self._train
        planned = (self._run.tuning, self._run.method, self._run.base_model)
        wanted = (train.tuning, train.method, train.model)
        if planned != wanted:
            raise Failed(
                f"it was planned as {' '.join(planned[:2])} of {planned[2]}, and the settings say "
                f"{' '.join(wanted[:2])} of {wanted[2]} now: start another with `clawback train "
                "now`, or set them back",
                retry=False,
            )

    async def _prepare(self) -> None:
        self._do("plans")
        hosts = await self._steps.plan(self._work())
        self._do("makes the snapshot")
        fingerprint = await self._steps.snapshot(self._work())
        where = f"waits until {', '.join(hosts)} {'is' if len(hosts) == 1 else 'are'} free"
        await self._to("waiting", reason=where, snapshot=fingerprint)

    async def _train_and_measure(self) -> None:
        hosts = await self._steps.plan(self._work())
        self._do("waits for its hosts")
        async with self._steps.hold(self._work()):
            await self._to("running", hosts=hosts)
            if not self._steps.trained(self._work()):
                self._do("trains")
                await self._trained()
            await self._to("evaluating", hosts=hosts, progress=self._run.progress)
            if not self._steps.measured(self._work()):
                self._do("measures the candidate")
                await self._steps.measure(self._work(), self._do)

    async def _trained(self) -> None:
        """Train, and tell how far that is every few seconds."""
        news: asyncio.Queue[TrainingProgress] = asyncio.Queue()
        telling = asyncio.create_task(self._tell_progress(news), name="progress")
        try:
            await self._steps.train(self._work(), news.put_nowait)
        finally:
            telling.cancel()
            await asyncio.wait({telling})
        if not telling.cancelled():
            telling.result()
        last = None
        while not news.empty():
            last = news.get_nowait()
        if last is not None:
            self.run = self._run.model_copy(update={"progress": last})

    async def _tell_progress(self, news: asyncio.Queue[TrainingProgress]) -> None:
        told = 0.0
        while True:
            progress = await news.get()
            self.pace.take(progress, time.monotonic())
            self.run = self._run.model_copy(update={"progress": progress, "at_ms": _now_ms()})
            self._changed()
            if time.monotonic() - told >= PROGRESS_EVERY:
                told = time.monotonic()
                await self._tell(self._run)

    async def _conclude(self) -> None:
        self._do("has the candidate judged")
        outcome = await self._steps.decide(self._work(), self._do)
        self._do("puts it among the models")
        candidate = await self._steps.register(self._work())
        if not outcome.promote:
            await self._to("refused", reason=outcome.sentence, candidate=candidate, hosts=())
            return
        self._do("has it serve")
        how = await self._steps.promote(candidate, outcome.sentence, self._do)
        told = "; ".join(filter(None, (outcome.sentence, how)))
        await self._to("promoted", reason=told, candidate=candidate, hosts=())

    async def _fail(self, reason: str, *, retry: bool = True) -> None:
        retries = self._train.retries if retry else 0
        await self._put(fail(self._run, reason, _now_ms(), retries, self._train.backoff))

    async def _to(self, state: TrainingState, **changes: Any) -> None:
        await self._put(advance(self._run, state, _now_ms(), **changes))

    async def _put(self, run: TrainingRun) -> None:
        await self._tell(run)
        self.run = run
        level = logging.WARNING if run.state == "failed" else logging.INFO
        because = f": {run.reason}" if run.reason else ""
        logger.log(level, "training %s is %s%s", run.id[:8], run.state, because)
        self._changed()

    def _do(self, what: str) -> None:
        self.doing = what
        self._changed()

    def _work(self) -> Work:
        return Work(self._run, self._folder / self._run.id)

    @property
    def _run(self) -> TrainingRun:
        assert self.run is not None
        return self.run


def _now_ms() -> int:
    return int(time.time() * 1000)
