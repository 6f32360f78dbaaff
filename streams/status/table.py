"""Status as a person reads it: tables on the terminal."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from streams.status.opinions import judges_table, panel_lines
from streams.status.runs import training_lines
from streams.status.shapes import columns
from streams.status.shapes import duration as duration
from streams.status.snapshot import Look, cpu, rates
from streams.status.training import TrainingState
from streams.supervisor.state import ProcessState

_COLOURS = {"running": "green", "crash-looping": "red", "waiting": "yellow", "starting": "yellow"}


def render(before: Look, after: Look, models: Sequence[str], home: str) -> RenderableType:
    """Return all of the status."""
    parts: list[RenderableType] = [_headline(after, home), _judges(models)]
    if after.line is not None and after.running is not None:
        parts += ["", _processes(before, after)]
    if after.stages:
        parts += ["", _stages(before, after)]
    if after.judges:
        parts += ["", judges_table(before, after)]
    if after.panels:
        parts += ["", *panel_lines(after)]
    if after.training is not None:
        parts += ["", *_training(after.training, running=after.running is not None)]
    if after.unread:
        parts += ["", Text(f"topics are not counted: {after.unread}", style="red")]
    elif after.topics:
        parts += ["", _topics(after)]
    else:
        parts += ["", Text("there are no topics yet")]
    return Group(*parts)


def _headline(after: Look, home: str) -> Text:
    if after.running is None:
        return Text(f"not running on {home}; `clawback run` starts it", style="yellow")
    since = f" for {_since(after.line.started_ms)}" if after.line else ""
    text = Text(f"running{since} on {home} (process {after.running})", style="green")
    if not after.healthy:
        text = Text(f"running{since} on {home}, but not all of it", style="red")
    return text


def _judges(models: Sequence[str]) -> Text:
    if models:
        return Text(f"judged by {', '.join(models)}")
    return Text("no LLM judge is configured: judged by signals only", style="yellow")


def _processes(before: Look, after: Look) -> Table:
    table = columns("process", "state", "for", pid=1, restarts=1, memory=1, cpu=1)
    table.add_column("last exit")
    assert after.line is not None
    for process in after.line.processes:
        table.add_row(*_row(process, before, after))
    if after.running:
        used = after.usage.get(after.running)
        memory = _memory(used.resident if used else None)
        share = _percent(cpu(before, after, after.running))
        table.add_row("(supervisor)", "", "", str(after.running), "", memory, share, "")
    total = sum(used.resident for used in after.usage.values())
    table.add_row("all", "", "", "", "", _memory(total), "", "", style="bold")
    return table


def _row(process: ProcessState, before: Look, after: Look) -> list[str | Text]:
    used = after.usage.get(process.pid) if process.pid else None
    return [
        process.name,
        Text(process.phase, style=_COLOURS.get(process.phase, "")),
        _since(process.since_ms),
        str(process.pid or "-"),
        str(process.restarts),
        _memory(used.resident if used else None),
        _percent(cpu(before, after, process.pid)),
        process.last_exit,
    ]


def _stages(before: Look, after: Look) -> Table:
    table = columns("stage", "reads", committed=1, lag=1, rate=1, eta=1)
    speeds = rates(before, after)
    for stage in after.stages:
        speed = speeds[stage.stage]
        table.add_row(
            stage.stage,
            ", ".join(stage.topics),
            f"{stage.committed:,}",
            Text(f"{stage.lag:,}", style="yellow" if stage.lag else ""),
            f"{speed.per_second:,.1f}/s" if speed.per_second else "-",
            duration(speed.eta) if speed.eta is not None else "-",
        )
    return table


def _training(state: TrainingState, *, running: bool) -> list[Text]:
    first, *others = training_lines(state, int(time.time() * 1000), running=running)
    return [Text(first, style="bold"), *(Text(f"  {line}") for line in others)]


def _topics(after: Look) -> Table:
    table = columns("topic", records=1, partitions=1)
    for topic in after.topics:
        table.add_row(topic.name, f"{topic.records:,}", str(topic.partitions))
    return table


def _since(at_ms: int) -> str:
    return duration(max(time.time() - at_ms / 1000, 0))


def _memory(resident: int | None) -> str:
    return f"{resident / 1e6:.0f} MB" if resident is not None else "-"


def _percent(share: float | None) -> str:
    return f"{share:.1f} %" if share is not None else "-"
