"""One look at the line, and what two looks say together."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from streams.status.flow import Flow, StageProgress, TopicCount
from streams.status.judges import JudgeState, read_judges
from streams.status.panels import PanelState, read_panels
from streams.status.training import TrainingState, read_training
from streams.status.usage import Usage, usage
from streams.supervisor.lock import HomeLock
from streams.supervisor.state import LineState, ProcessState, read_state

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Look:
    """What was there at one moment; `at` is monotonic seconds. `unread` says why the broker could
    not be asked; then there are no topics and stages."""

    at: float
    running: int | None
    line: LineState | None
    usage: dict[int, Usage]
    topics: Sequence[TopicCount]
    stages: Sequence[StageProgress]
    judges: list[JudgeState] = field(default_factory=list)
    panels: list[PanelState] = field(default_factory=list)
    training: TrainingState | None = None
    unread: str = ""

    @property
    def healthy(self) -> bool:
        """Whether no process is in a crash loop or waits to be started again, and the broker
        answers."""
        phases = [process.phase for process in self.line.processes] if self.line else []
        return not ({"crash-looping", "waiting"} & set(phases) or self.unread)


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast a stage reads, and the seconds until it has read all there is now (None: never)."""

    per_second: float
    eta: float | None


def look(home: Path, flow: Flow, stages: Sequence[str], unread: str = "") -> Look:
    """Look at the line once, with what the broker has said, or why it did not."""
    running = HomeLock(home).holder()
    line = read_state(home) if running is not None else None
    pids = [process.pid for process in line.processes if process.pid] if line else []
    if running:
        pids.append(running)
    return Look(
        time.monotonic(),
        running,
        line,
        usage(pids),
        flow.topics,
        flow.stages,
        read_judges(home, _named(stages, "judge")),
        read_panels(home, _named(stages, "ensemble")),
        read_training(home) if "train" in stages else None,
        unread,
    )


def _named(stages: Sequence[str], kind: str) -> frozenset[str]:
    return frozenset(name.partition(".")[2] for name in stages if name.startswith(f"{kind}."))


def rates(before: Look, after: Look) -> dict[str, Rate]:
    """Return how fast each stage moved between two looks."""
    seconds = max(after.at - before.at, 1e-9)
    earlier = {stage.stage: stage.committed for stage in before.stages}
    # A model that takes a minute for a turn does not move between two looks.
    told = {f"judge.{judge.judge}": judge for judge in after.judges}
    found = {}
    for stage in after.stages:
        speed = max(stage.committed - earlier.get(stage.stage, stage.committed), 0) / seconds
        judge = told.get(stage.stage)
        if judge is not None and judge.asking and not judge.paused:
            speed = judge.per_second
        eta = stage.lag / speed if speed and stage.lag else None
        found[stage.stage] = Rate(speed, eta)
    return found


def cpu(before: Look, after: Look, pid: int | None) -> float | None:
    """Return the share of one core, in percent, that a process used between two looks."""
    if pid is None or pid not in before.usage or pid not in after.usage:
        return None
    used = after.usage[pid].cpu_seconds - before.usage[pid].cpu_seconds
    return max(used, 0.0) / max(after.at - before.at, 1e-9) * 100


def as_json(before: Look, after: Look, models: Sequence[str], broker: str) -> dict[str, Any]:
    """Return both looks as one JSON object. A number that is not known is null."""
    speeds = rates(before, after)
    return {
        "running": after.running is not None,
        "healthy": after.healthy,
        "pid": after.running or None,
        "started_ms": after.line.started_ms if after.line else None,
        "broker": broker,
        "broker_error": after.unread or None,
        "llm_judges": list(models),
        "topics": [
            {
                "topic": topic.name,
                "partitions": topic.partitions,
                "records": topic.records,
                "written": topic.written,
            }
            for topic in after.topics
        ],
        "stages": [
            {
                "stage": stage.stage,
                "group": stage.group,
                "reads": list(stage.topics),
                "committed": stage.committed,
                "lag": stage.lag,
                "per_second": round(speeds[stage.stage].per_second, 2),
                "eta_seconds": _rounded(speeds[stage.stage].eta),
            }
            for stage in after.stages
        ],
        "judges": [asdict(judge) for judge in after.judges],
        "panels": [asdict(panel) for panel in after.panels],
        "training": asdict(after.training) if after.training else None,
        "processes": [
            _process(process, before, after)
            for process in (after.line.processes if after.line else [])
        ],
        "supervisor": {
            "resident_bytes": _resident(after, after.running),
            "cpu_percent": _rounded(cpu(before, after, after.running)),
        },
    }


def _process(process: ProcessState, before: Look, after: Look) -> dict[str, Any]:
    return {
        "process": process.name,
        "stages": list(process.stages),
        "state": process.phase,
        "pid": process.pid,
        "restarts": process.restarts,
        "since_ms": process.since_ms,
        "last_exit": process.last_exit or None,
        "last_exit_ms": process.last_exit_ms,
        "resident_bytes": _resident(after, process.pid),
        "cpu_percent": _rounded(cpu(before, after, process.pid)),
    }


def _resident(after: Look, pid: int | None) -> int | None:
    used = after.usage.get(pid) if pid else None
    return used.resident if used else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
