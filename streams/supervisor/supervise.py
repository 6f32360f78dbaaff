"""The supervisor: all processes of the line, from the first start to the last exit."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence

from streams.supervisor.backoff import Backoff
from streams.supervisor.child import Child
from streams.supervisor.lines import Lines
from streams.supervisor.plan import Plan, ProcessSpec
from streams.supervisor.state import LineState, write_state

Command = Callable[[ProcessSpec], Sequence[str]]
Companion = Callable[["Supervisor"], Awaitable[None]]

KILL_PATIENCE = 0.5


def worker_command(spec: ProcessSpec, *, verbose: bool = False) -> list[str]:
    """Return the command that runs a process's stages."""
    options = ["--verbose"] if verbose else []
    return [sys.executable, "-m", "streams.worker", *options, *spec.stages]


class Supervisor:
    """Runs the plan's processes until `stop`.

    Args:
        command: what starts a process; `worker_command` unless told otherwise.
        companions: coroutines that run beside the processes (the feed, the watch for idleness);
            one that fails is reported and left out, since the line matters more.
    """

    def __init__(
        self,
        plan: Plan,
        lines: Lines,
        *,
        command: Command | None = None,
        companions: Sequence[Companion] = (),
        healthy: float | None = None,
    ) -> None:
        self.plan = plan
        self.lines = lines
        self._companions = companions
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._saving = False
        self._code = 0
        self.children = [
            Child(
                spec,
                command(spec) if command else worker_command(spec, verbose=plan.verbose),
                backoff=Backoff(plan.backoff, plan.backoff_max, healthy),
                lines=lines,
                changed=self._save_soon,
            )
            for spec in plan.processes
        ]
        self._state = LineState(
            pid=os.getpid(),
            started_ms=int(time.time() * 1000),
            config=plan.config,
            processes=[child.state for child in self.children],
        )

    async def run(self) -> int:
        """Run until told to stop, then drain. Return the exit code."""
        loop = asyncio.get_running_loop()
        numbers = [signal.SIGINT, signal.SIGTERM]
        # Under nohup a hang-up is to be ignored, and stays so.
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            numbers.append(signal.SIGHUP)
        for number in numbers:
            loop.add_signal_handler(number, self._signalled, number)
        companions = [
            asyncio.create_task(self._accompany(companion)) for companion in self._companions
        ]
        keeping = [asyncio.create_task(child.keep()) for child in self.children]
        await self._stop.wait()
        await self._drain(keeping)
        for companion in companions:
            companion.cancel()
        if companions:
            await asyncio.wait(companions, timeout=KILL_PATIENCE)
        self._save()
        for number in numbers:
            loop.remove_signal_handler(number)
        return self._code

    def stop(self, code: int = 0) -> None:
        """Begin to drain; `run` will return `code`."""
        if not self._stop.is_set():
            self._code = code
            self._stop.set()

    def hurry(self, code: int) -> None:
        """End what is still draining at once."""
        self._code = code
        self._hurry.set()

    def _signalled(self, number: signal.Signals) -> None:
        if self._stop.is_set():
            if number == signal.SIGINT:
                self.lines.say("stopping at once")
                self.hurry(128 + number)
            return
        self.lines.say(
            f"stopping: stages may finish their work for {self.plan.drain:g} s"
            + ("; Ctrl-C again ends them at once" if number == signal.SIGINT else "")
        )
        self.stop()

    async def _drain(self, keeping: list[asyncio.Task[None]]) -> None:
        for child in self.children:
            child.stop()
        done = asyncio.create_task(_all(keeping))
        hurried = asyncio.create_task(self._hurry.wait())
        await asyncio.wait(
            {done, hurried}, timeout=self.plan.drain, return_when=asyncio.FIRST_COMPLETED
        )
        hurried.cancel()
        if done.done():
            return
        late = [child.state.name for child in self.children if child.state.pid is not None]
        if not self._hurry.is_set():
            self.lines.say(f"not done in time, killed: {', '.join(late)}; nothing is lost by that")
        for child in self.children:
            child.kill()
        await asyncio.wait({done}, timeout=KILL_PATIENCE)

    async def _accompany(self, companion: Companion) -> None:
        try:
            await companion(self)
        except Exception as error:  # noqa: BLE001 - whatever it is, the stages go on without it
            self.lines.say(f"{type(error).__name__} beside the stages: {error}; they go on")

    def _save_soon(self) -> None:
        """Save the state once for all that changes in this turn of the loop."""
        if not self._saving:
            self._saving = True
            asyncio.get_running_loop().call_soon(self._save)

    def _save(self) -> None:
        self._saving = False
        try:
            write_state(self.plan.home, self._state)
        except OSError as error:
            self.lines.say(f"`clawback status` will be out of date: {error}")


async def _all(tasks: Sequence[asyncio.Task[None]]) -> None:
    await asyncio.gather(*tasks)
