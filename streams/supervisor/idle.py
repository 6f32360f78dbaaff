"""Noticing that the line has nothing left to do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from streams.cli.exits import UNHEALTHY
from streams.flow import BrokerError
from streams.status.flow import Flow
from streams.status.training import TrainingState, read_training
from streams.supervisor.progress import Broker, progress

if TYPE_CHECKING:
    from streams.supervisor.plan import Plan
    from streams.supervisor.supervise import Supervisor

LOOK_EVERY = 0.25
READY_PATIENCE = 30.0
"""Seconds after which a process that never said it is ready is taken to be."""


class Stillness:
    """Tells how long what it is shown has stayed the same."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: object = None
        self._since = clock()

    def of(self, seen: object) -> float:
        """Return for how many seconds `seen` has been what it is."""
        if seen != self._last:
            self._last = seen
            self._since = self._clock()
        return self._clock() - self._since


async def end_when_idle(
    supervisor: Supervisor, opening: Callable[[], Awaitable[Broker]], quiet: float
) -> None:
    """Stop the supervisor once every stage is ready and has read all there is, session files too,
    nothing is being trained or about to be, and nothing has come for `quiet` seconds.

    Also stop it, with an exit code that says so, when a stage crash-loops, as all do where the
    broker can't be reached.
    """
    plan = supervisor.plan
    stages = [stage for process in plan.processes for stage in process.stages]
    still = Stillness()
    began = time.monotonic()
    opened = asyncio.ensure_future(opening())
    try:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            states = [child.state for child in supervisor.children]
            looping = [state.name for state in states if state.phase == "crash-looping"]
            if looping:
                supervisor.lines.say(f"giving up: {', '.join(looping)} can't be kept alive")
                supervisor.stop(UNHEALTHY)
                return
            late = time.monotonic() - began > READY_PATIENCE
            up = all(
                state.pid is not None and (state.phase == "running" or late) for state in states
            )
            flow = await _measured(opened.result(), stages, plan) if opened.done() else None
            seen = read_training(plan.home) if "train" in stages else None
            trains = seen is not None and (seen.driven or _is_due(seen))
            done = flow is not None and not any(stage.lag for stage in flow.stages)
            if still.of((up, flow, trains)) >= quiet and up and done and not trains:
                supervisor.stop()
                return
    finally:
        opened.cancel()


def _is_due(seen: TrainingState) -> bool:
    return seen.run is None and seen.next_ms is not None and seen.next_ms <= time.time() * 1000


async def _measured(broker: Broker, stages: Sequence[str], plan: Plan) -> Flow | None:
    """Return how far the line has come, None while the broker does not say."""
    try:
        return await progress(broker, stages, plan.openclaw, plan.home)
    except BrokerError:
        return None
