"""The steps of a run, done for real."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from schemas.settings import Host, Settings
from streams.training import handover
from streams.training.files import write_model
from streams.training.measuring import FOLDER, Incumbent, measure
from streams.training.metrics import Metrics
from streams.training.serving import seats, serve
from streams.training.steps import Doing, Failed, Outcome, Postponed, Refused, Told, Work
from trainer.gate.job import MEASURED
from trainer.job import DONE, METRICS
from trainer.launch.child import Launcher
from trainer.launch.launch import Launch, Unlaunchable, launch_of
from trainer.launch.process import started
from trainer.plan.jobs import job_of
from trainer.plan.machine import hosts_of
from trainer.plan.planner import plan
from trainer.plan.plans import Impossible, Plan
from trainer.plan.read import shape_of
from trainer.registry.registry import Registry, RegistryError

SNAPSHOT = "snapshot.json"
PLAN = "plan.json"
LOOK_EVERY = 0.5
"""Seconds between two looks at what the training has written."""

logger = logging.getLogger(__name__)


class Made(BaseModel):
    """Where the snapshot of a run is, and how many rows it has to train on and to evaluate by."""

    model_config = ConfigDict(frozen=True)

    path: Path
    fingerprint: str
    rows: int
    held_out: int


class WiredSteps:
    """The steps on this machine and the hosts of the settings.

    Args:
        settings: of the running line.
        written: reads the settings as the owner has written them, with every judge.
    """

    def __init__(self, settings: Settings, written: Callable[[], Settings] | None = None) -> None:
        self._settings = settings
        self._written = written or _settings_as_written

    async def begin(self) -> None:
        """Restore hosts that a driver which was killed has held."""
        for line in await handover.undo_leftovers(self._settings):
            logger.info("%s", line)

    async def snapshot(self, work: Work) -> str:
        """Have the snapshot made by `clawback pairs snapshot`, in a process of its own: it takes
        libraries and memory that the stage has no use for."""
        made = _made(work.folder)
        if made is None or not made.path.exists():
            made = await self._make_snapshot()
            write_model(work.folder / SNAPSHOT, made)
        if not made.rows:
            what = "pairs" if work.run.method == "dpo" else "labelled answers"
            raise Refused(
                f"snapshot {made.fingerprint} has no {what} to train on: all are kept back for "
                "evaluation or left out; its README.md says how many and why"
            )
        if not made.held_out:
            raise Refused(
                f"snapshot {made.fingerprint} has {made.rows} rows to train on and keeps no pair "
                "back, so nothing could show that the model is better; it takes more sessions, or "
                "a higher pairs.eval_share"
            )
        return made.fingerprint

    async def _make_snapshot(self) -> Made:
        command = [sys.executable, "-m", "streams.training.leashed", "pairs", "snapshot", "--json"]
        if self._settings.train.backend == "axolotl":
            command.append("--axolotl")
        async with started(command) as process:
            printed, said = await process.communicate()
        if process.returncode:
            raise Failed(f"the snapshot was not made: {_last_line(said, process.returncode)}")
        found = json.loads(printed)
        rows = found["counts"]["rows"]
        kind = "pairs" if self._settings.train.method == "dpo" else "unpaired"
        pairs = rows.get("pairs", {})
        return Made(
            path=found["path"],
            fingerprint=found["fingerprint"],
            rows=rows.get(kind, {}).get("train", 0),
            held_out=pairs.get("eval", 0) + pairs.get("test", 0),
        )

    async def plan(self, work: Work) -> tuple[str, ...]:
        """Plan, and write the plan down."""
        try:
            made = await asyncio.to_thread(self._plan)
        except Impossible as error:
            raise Refused(f"{error}; `clawback train --plan` shows it") from None
        write_model(work.folder / PLAN, made)
        if not made.fits:
            fitting = "; ".join(option.title for option in made.options[:3])
            raise Refused(
                f"{made.sentence} "
                + (f"What would fit: {fitting}. " if fitting else "")
                + "`clawback train --plan` shows the numbers and the settings"
            )
        return tuple(node.host for node in made.nodes)

    def _plan(self) -> Plan:
        shape = shape_of(self._settings.train.model)
        return plan(self._settings, shape, hosts=hosts_of(self._settings))

    def hold(self, work: Work) -> AbstractAsyncContextManager[object]:
        """Have the judges on the run's hosts pause, and wait until their memory is free."""
        return self._hold(work)

    @asynccontextmanager
    async def _hold(self, work: Work) -> AsyncIterator[None]:
        found = _plan_of(work.folder)
        hosts = self._hosts(found)
        try:
            async with handover.Handover(self._settings, work.run.id, hosts, needs=found.rooms):
                yield
        except handover.Postponed as error:
            raise Postponed(str(error)) from None

    def trained(self, work: Work) -> bool:
        """Whether the run's folder has a finished model."""
        return (work.folder / DONE).exists()

    async def train(self, work: Work, told: Told) -> None:
        """Launch the training and follow what it writes."""
        launch = self._launch(work)
        logs = work.folder / "logs"
        logs.mkdir(mode=0o700, exist_ok=True)
        metrics = Metrics(work.folder / METRICS)
        launcher = await Launcher.start(launch, log=logs / "launcher.log")
        waiting = asyncio.create_task(launcher.wait())
        try:
            while not waiting.done():
                await asyncio.wait({waiting}, timeout=LOOK_EVERY)
                if (progress := metrics.news()) is not None:
                    told(progress)
        finally:
            # The hosts are given back only when nothing of the run is on them.
            launcher.stop()
            ending = await waiting
        if ending.kind == "unready" and ending.retry:
            raise Postponed(ending.reason)
        if ending.kind != "done":
            reason = ending.reason or f"the training ended as {ending.kind}"
            raise Failed(reason, retry=ending.retry)

    def measured(self, work: Work) -> bool:
        """Whether the gate's process has measured all."""
        return (work.folder / FOLDER / MEASURED).exists()

    async def measure(self, work: Work, doing: Doing) -> None:
        """Have the gate's process measure, on the run's first host."""
        launch = self._launch(work)
        await measure(launch, self._settings.train.gate, self._incumbent(), doing)

    async def decide(self, work: Work, doing: Doing) -> Outcome:
        """Have the panel compare the answers, and decide."""
        # Prompts, plots and pages: most of a stage's memory, and of no use before.
        from streams.training.comparing import JudgesAway, compare
        from trainer.gate.conclude import Unfinished, conclude

        folder = work.folder / FOLDER
        try:
            await compare(self._written(), folder)
            doing("decides")
            decision = await asyncio.to_thread(conclude, folder, self._settings.train.gate)
        except JudgesAway as error:
            raise Postponed(str(error)) from None
        except Unfinished as error:
            raise Failed(str(error)) from None
        report = folder / "report.html"
        return Outcome(decision.promote, f"{decision.sentence} ({report})")

    async def register(self, work: Work) -> str:
        """Put the model into the registry."""
        made = _made(work.folder)
        if made is None:
            raise Failed(f"{work.folder / SNAPSHOT} is gone")
        try:
            model = await asyncio.to_thread(
                self._registry().register, work.folder, made.path, judges=seats(self._settings)
            )
        except RegistryError as error:
            raise Failed(str(error)) from None
        return model.id

    async def promote(self, candidate: str, why: str, doing: Doing) -> str:
        """Move the registry's pointer, then write and tell what serves."""
        registry = self._registry()
        try:
            await asyncio.to_thread(
                registry.promote, candidate, at_ms=int(time.time() * 1000), why=why
            )
        except RegistryError as error:
            raise Failed(str(error)) from None
        doing("writes what serves it")
        served = await serve(self._settings, registry, candidate, doing=doing)
        return served.reason if served.state == "pending" else ""

    def _registry(self) -> Registry:
        return Registry(self._settings.paths.home / "models")

    def _incumbent(self) -> Incumbent | None:
        model = self._registry().current()
        if model is None:
            return None
        base = model.card.base_model if model.is_adapter else ""
        return Incumbent(weights=model.weights, base=base)

    def _hosts(self, found: Plan) -> list[Host]:
        known = {host.name: host for host in hosts_of(self._settings)}
        return [known[node.host] for node in found.nodes if node.host in known]

    def _launch(self, work: Work) -> Launch:
        made = _made(work.folder)
        if made is None:
            raise Failed(f"{work.folder / SNAPSHOT} is gone")
        found = _plan_of(work.folder)
        job = job_of(found, self._settings, work.run.id, made.path, work.folder)
        try:
            return launch_of(self._settings, work.run.id, work.folder, job, self._hosts(found))
        except Unlaunchable as error:
            raise Failed(str(error), retry=False) from None


def _settings_as_written() -> Settings:
    from streams.settings import find, load

    return load(find())


def _made(folder: Path) -> Made | None:
    try:
        return Made.model_validate_json((folder / SNAPSHOT).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _plan_of(folder: Path) -> Plan:
    try:
        return Plan.model_validate_json((folder / PLAN).read_bytes())
    except (FileNotFoundError, ValidationError) as error:
        raise Failed(f"{folder / PLAN} can't be read: {error}") from None


def _last_line(said: bytes, code: int | None) -> str:
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].removeprefix("clawback: ") if lines else f"exit code {code}"
