"""Running the gate's process: on the host that has the model, which is the run's first."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from schemas.settings import Gate
from streams.training.files import write_model
from streams.training.steps import Failed, Postponed
from trainer.gate.job import GATE, Weights, command, gate_job
from trainer.launch.found import Found, lacks, questions, read_found
from trainer.launch.launch import Launch, Node
from trainer.launch.process import leashed, ran, started
from trainer.launch.reach import on_node
from trainer.launch.transfer import Broken, Courier

FOLDER = "gate"
"""The gate's folder in a run's."""

INCUMBENT = "incumbent"

Doing = Callable[[str], None]


class Incumbent(BaseModel):
    """The model that serves: its own weights on this machine, and the base beneath an adapter, ""
    for a whole model."""

    model_config = ConfigDict(frozen=True)

    weights: Path
    base: str = ""

    def at(self, weights: Path) -> Weights:
        """Return it as the gate knows it where its weights are in that place."""
        if self.base:
            return Weights(model=self.base, adapter=str(weights))
        return Weights(model=str(weights))


async def measure(launch: Launch, rules: Gate, incumbent: Incumbent | None, doing: Doing) -> None:
    """Measure the candidate of a launch that is done; what it takes ends in its `gate` folder.

    Args:
        launch: with the run's folder on this machine, and its first host.
        rules: the owner's.
        incumbent: the model that serves; None for the base.
        doing: is told how far it is.

    Raises:
        Failed: it could not be measured.
        Postponed: the host can't be reached.
    """
    if launch.nodes[0].address:
        await _measure_there(launch, rules, incumbent, doing)
    else:
        await _measure_here(launch, rules, incumbent, doing)


async def _measure_here(
    launch: Launch, rules: Gate, incumbent: Incumbent | None, doing: Doing
) -> None:
    folder = launch.folder / FOLDER
    served = incumbent.at(incumbent.weights) if incumbent else None
    _write_job(launch, rules, served, launch.folder, folder)
    await _run(command(launch.nodes[0].python, folder), doing)


async def _measure_there(
    launch: Launch, rules: Gate, incumbent: Incumbent | None, doing: Doing
) -> None:
    node = launch.nodes[0]
    found = await _ask(launch, node)
    courier = Courier(node, rsync=found.rsync, connecting=launch.connecting)
    folder, there = launch.folder / FOLDER, Path(found.folder)
    served = incumbent.at(there / INCUMBENT) if incumbent else None
    try:
        # What an attempt before has measured is not measured again.
        await courier.fetch(found.folder, FOLDER, launch.folder)
        _write_job(launch, rules, served, there, folder)
        await courier.send(folder, str(there / FOLDER))
        if incumbent is not None:
            doing(f"sends the model that serves to {node.name}")
            await courier.send(incumbent.weights, str(there / INCUMBENT))
        # The line goes with us, and the process there with the line.
        await _run(
            leashed(on_node(node, command(node.python, there / FOLDER), launch.connecting)), doing
        )
        await courier.fetch(found.folder, FOLDER, launch.folder)
    except Broken as error:
        raise Postponed(str(error)) from None


async def _ask(launch: Launch, node: Node) -> Found:
    asking = on_node(node, [node.python, *questions(launch, 0)], launch.connecting)
    try:
        answer = await ran(asking, launch.checking)
    except TimeoutError:
        raise Postponed(f"{node.name}: no answer within {launch.checking:g} s") from None
    found = read_found(answer.printed) if answer.code == 0 else None
    if found is None:
        raise Postponed(f"{node.name}: {answer.last}")
    if missing := lacks(launch, node, found):
        raise Failed("; ".join(missing))
    return found


def _write_job(
    launch: Launch, rules: Gate, served: Weights | None, there: Path, folder: Path
) -> None:
    """Write what the gate's process is told, with the paths it has in the run's folder `there`."""
    moved = there != launch.folder
    changes = {"output": there} | ({"snapshot": there / "snapshot"} if moved else {})
    try:
        job = gate_job(launch.job.model_copy(update=changes), rules, served, there / FOLDER)
    except ValueError as error:
        raise Failed(str(error), retry=False) from None
    folder.mkdir(mode=0o700, exist_ok=True)
    write_model(folder / GATE, job)


async def _run(words: Sequence[str], doing: Doing) -> None:
    async with started(words) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        complaining = asyncio.create_task(process.stderr.read())
        async for line in process.stdout:
            doing(_told(line))
        code, said = await process.wait(), await complaining
    if code:
        lines = said.decode("utf-8", "replace").strip().splitlines()
        raise Failed(f"the gate could not measure: {lines[-1] if lines else f'exit code {code}'}")


def _told(line: bytes) -> str:
    """Return in words what the gate's process says of its progress."""
    try:
        said = json.loads(line)
        return f"measures {said['step']} of {said['model']}: {said['done']} of {said['total']}"
    except (ValueError, KeyError, TypeError):
        return "measures the candidate"
