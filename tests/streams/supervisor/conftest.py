"""Tiny workers, and a supervisor over them."""

from __future__ import annotations

import asyncio
import io
import json
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from streams.supervisor.lines import Lines
from streams.supervisor.plan import Plan, ProcessSpec
from streams.supervisor.supervise import Companion, Supervisor

WORKER = """
    import signal, sys, threading, time
    from streams.supervisor import leash
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    leash.hold(grace=1)
    leash.ready("{name}")
    print("hello", flush=True)
    stop.wait()
    print("bye", flush=True)
"""


class Line:
    """A supervisor over scripts, one for each process."""

    def __init__(
        self,
        home: Path,
        scripts: dict[str, str],
        companions: Sequence[Companion] = (),
        healthy: float | None = None,
    ) -> None:
        self.home = home
        self.console = io.StringIO()
        self.plan = plan(home, tuple(scripts))
        self.lines = Lines(home / "logs", self.console)
        (home / "run").mkdir(parents=True, exist_ok=True)
        self.supervisor = Supervisor(
            self.plan,
            self.lines,
            command=lambda spec: [
                sys.executable,
                "-c",
                textwrap.dedent(scripts[spec.name]).format(name=spec.name, home=home),
            ],
            companions=companions,
            healthy=healthy,
        )

    async def until(self, met: Callable[[], bool], seconds: float = 5.0) -> None:
        """Wait for something to become so."""
        async with asyncio.timeout(seconds):
            while not met():  # noqa: ASYNC110 - what is waited for happens elsewhere
                await asyncio.sleep(0.01)

    def phase(self, name: str) -> str:
        """The phase of a process as `status` would read it."""
        path = self.home / "run/state.json"
        if not path.exists():
            return ""
        state = json.loads(path.read_text())
        return next(each["phase"] for each in state["processes"] if each["name"] == name)

    def log(self, name: str) -> str:
        """What the log file of a process holds."""
        return (self.home / "logs" / f"{name}.log").read_text()


def plan(home: Path, names: Sequence[str]) -> Plan:
    """A plan of one-stage processes, in a hurry."""
    return Plan(
        home=home,
        output=home / "out",
        openclaw=(home / "openclaw",),
        config="",
        log="",
        prefix="clawback",
        timezone="",
        processes=tuple(ProcessSpec(name, (name,)) for name in names),
        models=(),
        backoff=0.05,
        backoff_max=0.4,
        drain=1.0,
    )


@pytest.fixture
def line(tmp_path: Path) -> Callable[..., Line]:
    """Make a supervised line of scripts in a temporary home."""

    def make(scripts: dict[str, str], **options: object) -> Line:
        return Line(tmp_path, scripts, **options)  # type: ignore[arg-type]

    return make
