"""What can happen to a running line. Each says in a word what it does, for a plan to be read."""

from __future__ import annotations

import shutil
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from tests.faults.line import Line


class Action(Protocol):
    """Something that happens to a line."""

    def do(self, line: Line) -> None:
        """Do it."""


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL to some processes at once, whatever they are at."""

    names: tuple[str, ...]

    def do(self, line: Line) -> None:
        """Kill those that run; one that is just being started again has been killed already."""
        pids = line.pids()
        for name in self.names:
            if name in pids:
                line.signal(name, signal.SIGKILL)

    def __str__(self) -> str:
        return f"kill {' '.join(self.names)}"


@dataclass(frozen=True, slots=True)
class Pause:
    """SIGSTOP: a machine that sleeps, a process that swaps."""

    name: str

    def do(self, line: Line) -> None:
        """Stop the process where it stands."""
        if self.name in line.pids():
            line.signal(self.name, signal.SIGSTOP)

    def __str__(self) -> str:
        return f"pause {self.name}"


@dataclass(frozen=True, slots=True)
class Resume:
    """SIGCONT, some time after a `Pause`."""

    name: str

    def do(self, line: Line) -> None:
        """Let it go on, if it is still the one that was stopped."""
        if self.name in line.pids():
            line.signal(self.name, signal.SIGCONT)

    def __str__(self) -> str:
        return f"resume {self.name}"


@dataclass(frozen=True, slots=True)
class KillSupervisor:
    """The supervisor is killed and started again; the workers of the first may still drain."""

    seconds: float = 0.0

    def do(self, line: Line) -> None:
        """Kill it, and start another one after a while."""
        line.kill_supervisor()
        time.sleep(self.seconds)
        line.start()

    def __str__(self) -> str:
        return f"kill the supervisor, start it {self.seconds:.1f} s later"


@dataclass(frozen=True, slots=True)
class Restart:
    """The line is stopped in order, as with Ctrl-C, and started again."""

    def do(self, line: Line) -> None:
        """Stop and start."""
        line.resume()
        line.stop()
        line.start()

    def __str__(self) -> str:
        return "stop and start in order"


@dataclass(frozen=True, slots=True)
class KillBroker:
    """SIGKILL to a node of Kafka, which is started again a moment later."""

    node: int = 1

    def do(self, line: Line) -> None:
        """Kill it, where there is one: the embedded broker is no process of its own."""
        # One that is just being started again has been killed already.
        with suppress(ProcessLookupError):
            if line.kafka is not None:
                line.kafka.kill(self.node)

    def __str__(self) -> str:
        return f"kill the broker's node {self.node}"


@dataclass(frozen=True, slots=True)
class PowerCut:
    """Everything dies at once; some tables may be lost with it, to be built from the topics."""

    lost: tuple[str, ...] = ()

    def do(self, line: Line) -> None:
        """Kill all, remove tables, start again."""
        line.kill_all()
        for table in self.lost:
            shutil.rmtree(line.home / "tables" / table, ignore_errors=True)
        line.start()

    def __str__(self) -> str:
        lost = f", losing the tables of {' '.join(self.lost)}" if self.lost else ""
        return f"kill everything{lost}"
