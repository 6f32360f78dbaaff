"""Noticing a stage that lives and does nothing.

A process that dies is seen at once. One that hangs (a deadlock, a lost connection that nobody
noticed, a machine's stopped process) is seen by what it does not do: there are records for it to
read, and the offsets it has committed stay where they are. For the tailer, which commits to no
group, it is bytes of session files and its checkpoints. It is killed, which loses nothing, and
started again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.flow import BrokerError
from streams.status.flow import StageProgress
from streams.supervisor.progress import TAIL, progress

if TYPE_CHECKING:
    from streams.supervisor.child import Child
    from streams.supervisor.source import Source
    from streams.supervisor.supervise import Supervisor

LOOK_EVERY = 30.0
"""Seconds between two looks; less only where the patience is shorter than a few of them."""

LOOKS = 4
"""Looks within the shortest patience."""


@dataclass(frozen=True, slots=True)
class Stall:
    """A stage that stands still: for how many seconds, before how many records, or bytes."""

    stage: str
    seconds: float
    lag: int


class Stalls:
    """Follows how far stages have come.

    Args:
        patience: for how many seconds each stage may commit nothing; one that is not there may
            for ever.
        clock: seconds; it should not count those in which the machine slept.
    """

    def __init__(
        self, patience: Mapping[str, float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._patience = patience
        self._clock = clock
        self._since: dict[str, tuple[object, float]] = {}

    def look(self, stage: StageProgress, life: object) -> Stall | None:
        """Take in how far a stage has come; return its stall once it is out of patience.

        Args:
            stage: its progress now.
            life: what changes whenever the stage has a reason to be given its time anew (its
                process was started, its judge came back); None while it need not do anything.
        """
        now = self._clock()
        if life is None or stage.lag == 0:
            self._since.pop(stage.stage, None)
            return None
        seen = (life, stage.committed)
        known, since = self._since.get(stage.stage, (None, now))
        if known != seen:
            self._since[stage.stage] = (seen, now)
            return None
        still = now - since
        if still < self._patience.get(stage.stage, float("inf")):
            return None
        del self._since[stage.stage]
        return Stall(stage.stage, still, stage.lag)

    def forget(self) -> None:
        """Give every stage its time anew: nobody could come on while the broker was away."""
        self._since.clear()


async def restart_stalled(supervisor: Supervisor, source: Source) -> None:
    """Restart the processes of stalled stages, for ever."""
    plan = supervisor.plan
    every = min(LOOK_EVERY, min(plan.stalled.values(), default=LOOK_EVERY) / LOOKS)
    stalls = Stalls(plan.stalled)
    children = {stage: child for child in supervisor.children for stage in child.state.stages}
    broker = await source.open()
    while True:
        await asyncio.sleep(every)
        began = time.monotonic()
        try:
            flow = await progress(broker, list(children), plan.openclaw, plan.home)
            found = flow.stages
        except BrokerError:
            found = ()
        # A broker that took so long to answer was away, or as good as that.
        if not found or time.monotonic() - began > every:
            stalls.forget()
            continue
        for seen in found:
            child = children[seen.stage]
            stall = stalls.look(seen, _life(child, seen.stage))
            if stall is not None:
                supervisor.lines.say(f"{_said(stall)}; killing its process {child.state.pid}")
                child.replace()


def _said(stall: Stall) -> str:
    if stall.stage == TAIL:
        return (
            f"{TAIL} has read nothing for {stall.seconds:.0f} s while {stall.lag} bytes of "
            "session files wait for it"
        )
    return (
        f"{stall.stage} has committed nothing for {stall.seconds:.0f} s while "
        f"{stall.lag} records wait for it"
    )


def _life(child: Child, stage: str) -> object:
    """Return what tells one life of a stage from another, None where nothing is to be expected."""
    state = child.state
    return None if state.pid is None or stage in state.paused else (state.pid, state.since_ms)
