"""What the supervisor says of itself and its processes, for `clawback status`."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

Phase = Literal["starting", "running", "waiting", "crash-looping", "stopping", "stopped"]
"""`starting`: alive, not all stages are ready. `waiting`: dead, to be started again after a wait.
`crash-looping`: it died several times in a row and has not yet lived long since."""


@dataclass(slots=True)
class ProcessState:
    """One process. Times are epoch milliseconds; `failures` are deaths in a row; `paused` are its
    stages that wait for something out of their hands, such as a judge's machine."""

    name: str
    stages: tuple[str, ...]
    pid: int | None = None
    phase: Phase = "starting"
    ready: list[str] = field(default_factory=list)
    paused: list[str] = field(default_factory=list)
    restarts: int = 0
    failures: int = 0
    since_ms: int = 0
    last_exit: str = ""
    last_exit_ms: int | None = None


@dataclass(slots=True)
class LineState:
    """The supervisor and its processes."""

    pid: int
    started_ms: int
    config: str
    processes: list[ProcessState]


def state_path(home: Path) -> Path:
    """Return where the state is kept."""
    return home / "run" / "state.json"


def write_state(home: Path, state: LineState) -> None:
    """Replace the state in one step, so that a reader sees the old one or the new one.

    Raises:
        OSError: the home can't be written.
    """
    path = state_path(home)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(state)), encoding="utf-8")
    os.replace(temporary, path)


def read_state(home: Path) -> LineState | None:
    """Return the last state that was written, or None if there is none that can be read.

    It outlives its supervisor: `HomeLock.holder` tells whether that is still there.
    """
    try:
        values = json.loads(state_path(home).read_text(encoding="utf-8"))
        processes = [ProcessState(**each) for each in values.pop("processes")]
        return LineState(processes=processes, **values)
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None
