"""Having a running line's sinks read the settings again."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from streams.supervisor.lock import HomeLock
from streams.supervisor.state import read_state

SINKS = "turnfiles"


@dataclass(frozen=True, slots=True)
class Running:
    """What runs on a home: whether anything does, and the names of its stages."""

    stages: tuple[str, ...] = ()
    sinks: int | None = None


def running(home: Path) -> Running | None:
    """Return what runs on a home, or None where nothing does."""
    state = read_state(home) if HomeLock(home).holder() is not None else None
    if state is None:
        return None
    stages = tuple(stage for process in state.processes for stage in process.stages)
    pids = [process.pid for process in state.processes if SINKS in process.stages]
    return Running(stages, pids[0] if pids else None)


def restart_sinks(line: Running) -> bool:
    """Ask the process of the sinks to end; its supervisor starts it again, with the settings as
    they are then. Say whether there was such a process."""
    if line.sinks is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(line.sinks, signal.SIGTERM)
    return True
