"""The launcher: asks hosts, sends what they need, runs their agents, brings back the results."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import TypeVar

from trainer.job import DONE, ERROR
from trainer.launch import lock
from trainer.launch.agent import Agent
from trainer.launch.blame import Failure, worst
from trainer.launch.commands import folder_of, order
from trainer.launch.ending import Ending, Kind, Phase, Progress, write_progress, write_reason
from trainer.launch.found import Found, lacks, questions, read_found, unlike
from trainer.launch.launch import Launch, Node
from trainer.launch.process import ran
from trainer.launch.reach import on_node
from trainer.launch.transfer import Broken, Courier

ECHOES = 2.0
"""Seconds after the first failure in which the others' are waited for: the first to be heard of
need not be the first that happened."""

AFTERWARDS = 10.0
"""Seconds beyond their ranks' grace that agents may take to end."""

LOCK = ".launcher.lock"

T = TypeVar("T")


class _Ended(Exception):
    """There is nothing more to do."""

    def __init__(self, kind: Kind, reason: str, *, retry: bool = True) -> None:
        super().__init__(reason)
        self.ending = Ending(kind=kind, reason=reason, retry=retry)


class _Stopped(Exception):
    """Told to stop."""


class Launcher:
    """Runs one launch. `stop` ends it from within the same loop."""

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._stop = asyncio.Event()
        self._why = ""
        self._phase: Phase = "checking"
        self._notes: dict[str, str] = {}

    def stop(self, why: str) -> None:
        """Begin to end the run; `run` returns when nothing of it is left."""
        self._why = self._why or why
        self._stop.set()

    async def run(self) -> Ending:
        """Run it to its end, and leave the reason of a bad one in the run's folder.

        Raises:
            OSError: the folder can't be written.
        """
        launch = self._launch
        (launch.folder / "logs").mkdir(parents=True, exist_ok=True, mode=0o700)
        patience = launch.grace + AFTERWARDS
        held = await asyncio.to_thread(
            lock.hold, launch.folder / LOCK, patience, lambda: not self._stop.is_set()
        )
        if held is None:
            # Nothing is written: the folder is the other one's.
            reason = self._why or "another launcher is at work on this run"
            return Ending(kind="stopped" if self._stop.is_set() else "unready", reason=reason)
        try:
            ending = await self._ending()
            if ending.reason:
                write_reason(launch.folder, ending)
            self._enter("ended", ending)
        finally:
            os.close(held)
        return ending

    async def _ending(self) -> Ending:
        (self._launch.folder / ERROR).unlink(missing_ok=True)
        try:
            await self._launched()
        except _Stopped:
            return Ending(kind="stopped", reason=self._why)
        except _Ended as ended:
            return ended.ending
        except Broken as error:
            return Ending(kind="failed", reason=str(error))
        return Ending(kind="done")

    async def _launched(self) -> None:
        launch = self._launch
        self._enter("checking")
        found = await self._unless_stopped(self._check())
        first = launch.nodes[0]
        if not found[first.name].done:
            self._enter("sending")
            await self._unless_stopped(self._send(found))
            self._enter("running")
            await self._run_agents(found)
        self._enter("fetching")
        await self._unless_stopped(self._fetch(first, found[first.name]))

    async def _check(self) -> Mapping[str, Found]:
        """Ask all nodes at once what they have.

        Raises:
            _Ended: one of them can't be used; one line says what to do.
        """
        launch = self._launch
        answers = await asyncio.gather(*(self._ask(rank) for rank in range(len(launch.nodes))))
        complaints = [answer for answer in answers if isinstance(answer, str)]
        found = {
            node.name: answer
            for node, answer in zip(launch.nodes, answers, strict=True)
            if isinstance(answer, Found)
        }
        for node in launch.nodes:
            if node.name in found:
                complaints += lacks(launch, node, found[node.name])
        if not complaints:
            complaints = unlike(launch, found)
        if complaints:
            # A host that is away may be back at the next try; what is not installed is not.
            away = len(found) < len(launch.nodes)
            raise _Ended("unready", "; ".join(complaints), retry=away)
        return found

    async def _ask(self, rank: int) -> Found | str:
        launch, node = self._launch, self._launch.nodes[rank]
        command = on_node(node, [node.python, *questions(launch, rank)], launch.connecting)
        try:
            answer = await ran(command, launch.checking)
        except TimeoutError:
            return f"{node.name}: no answer within {launch.checking:g} s"
        except OSError as error:
            return f"{node.name}: {error.filename} can't be run: {error.strerror}"
        found = read_found(answer.printed) if answer.code == 0 else None
        if found is not None:
            return found
        if answer.code == 255 and node.address:
            return f"{node.name}: ssh {node.address} fails: {answer.last}"
        return f"{node.name}: {node.python} does not run there: {answer.last}"

    async def _send(self, found: Mapping[str, Found]) -> None:
        launch = self._launch
        await _all(
            self._courier(node, found[node.name]).send(
                launch.job.snapshot, f"{found[node.name].folder}/snapshot"
            )
            for node in launch.nodes
            if not launch.shares(node)
        )

    async def _fetch(self, node: Node, found: Found) -> None:
        launch = self._launch
        there = True
        if launch.shares(node):
            there = (launch.folder / launch.results[-1]).exists()
        else:
            courier = self._courier(node, found)
            for name in launch.results:
                there = await courier.fetch(found.folder, name, launch.folder)
        if not there:
            raise _Ended(
                "failed", f"{node.name}: the ranks ended without a word, and left no {DONE}"
            )

    def _courier(self, node: Node, found: Found) -> Courier:
        return Courier(node, rsync=found.rsync, connecting=self._launch.connecting)

    async def _run_agents(self, found: Mapping[str, Found]) -> None:
        """Run all nodes' ranks to their end.

        Raises:
            _Ended: one of them failed; the others have ended, too.
            _Stopped: told to stop; all have ended.
        """
        launch = self._launch
        port = found[launch.nodes[0].name].port
        agents = [
            Agent(
                node,
                order(launch, rank, port, folder_of(launch, node, found[node.name].folder)),
                folder=launch.folder,
                connecting=launch.connecting,
                noted=self._note,
                quiet=launch.quiet,
            )
            for rank, node in enumerate(launch.nodes)
        ]
        running = {asyncio.create_task(agent.run()) for agent in agents}
        stop = asyncio.create_task(self._stop.wait())
        try:
            failures = await self._first_failures(running, stop)
            if failures or self._stop.is_set():
                self._enter("stopping")
                await self._end(agents, running)
        finally:
            stop.cancel()
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        if self._stop.is_set():
            raise _Stopped
        if failures:
            failure = worst(failures)
            raise _Ended("failed", str(failure), retry=failure.retry)

    async def _first_failures(
        self, running: set[asyncio.Task[Failure | None]], stop: asyncio.Task[bool]
    ) -> list[Failure]:
        """Wait until all have ended well, one has failed, or all are to stop."""
        pending: set[asyncio.Task[Failure | None]] = set(running)
        failures: list[Failure] = []
        until: float | None = None
        while pending and not self._stop.is_set():
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                break
            done, _ = await asyncio.wait(
                {*pending, stop}, timeout=left, return_when=asyncio.FIRST_COMPLETED
            )
            for task in running & done & pending:
                pending.discard(task)
                failure = task.result()
                if failure is not None:
                    failures.append(failure)
                    until = until or time.monotonic() + ECHOES
        return failures

    async def _end(
        self, agents: Sequence[Agent], running: set[asyncio.Task[Failure | None]]
    ) -> None:
        """Have all agents end their ranks, and wait until they are gone."""
        for agent in agents:
            agent.stop()
        _, late = await asyncio.wait(running, timeout=self._launch.grace + AFTERWARDS)
        if late:
            for agent in agents:
                agent.drop()
            await asyncio.wait(late, timeout=AFTERWARDS)

    async def _unless_stopped(self, work: Awaitable[T]) -> T:
        task = asyncio.ensure_future(work)
        stop = asyncio.create_task(self._stop.wait())
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise _Stopped

    def _note(self, node: str, note: str) -> None:
        if self._notes.get(node, "") != note:
            self._notes[node] = note
            self._enter(self._phase)
            if note:
                print(f"clawback: {node}: {note}", file=sys.stderr, flush=True)

    def _enter(self, phase: Phase, ending: Ending | None = None) -> None:
        if phase != self._phase or ending is not None:
            print(f"clawback: run {self._launch.run}: {phase}", file=sys.stderr, flush=True)
        self._phase = phase
        note = "; ".join(f"{node}: {text}" for node, text in self._notes.items() if text)
        write_progress(
            self._launch.folder,
            Progress(
                run=self._launch.run,
                pid=os.getpid(),
                phase=phase,
                since_ms=int(time.time() * 1000),
                note=note,
                ending=ending,
            ),
        )


async def _all(works: Iterable[Awaitable[None]]) -> None:
    await asyncio.gather(*works)
