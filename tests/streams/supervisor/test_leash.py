"""Workers do not outlive their supervisor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from streams.supervisor import leash

REPOSITORY = Path(__file__).parents[3]

SUPERVISOR = """
import asyncio, sys
from pathlib import Path
from tests.streams.supervisor.conftest import Line, WORKER
DEAF = WORKER.replace("lambda *_: stop.set()", "signal.SIG_IGN").replace(
    "grace=1", "lambda: None, grace=0.3")
line = Line(Path(sys.argv[1]), {"polite": WORKER, "deaf": DEAF})
asyncio.run(line.supervisor.run())
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_children_of_a_killed_supervisor_end(tmp_path: Path) -> None:
    supervisor = subprocess.Popen([sys.executable, "-c", SUPERVISOR, str(tmp_path)], cwd=REPOSITORY)
    log = {name: tmp_path / f"logs/{name}.log" for name in ("polite", "deaf")}
    until(lambda: all(path.exists() and "hello" in path.read_text() for path in log.values()))
    children = Path(f"/proc/{supervisor.pid}/task/{supervisor.pid}/children").read_text().split()
    assert len(children) == 2
    supervisor.send_signal(signal.SIGKILL)
    supervisor.wait()
    until(lambda: not any(alive(int(pid)) for pid in children))


def test_without_a_supervisor_there_is_no_leash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(leash.LEASH, raising=False)
    assert leash.hold() is False
    leash.ready("tail")


def test_ready_survives_a_dead_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.close(read)
    monkeypatch.setenv(leash.LEASH, str(write))
    leash.ready("tail")
    os.close(write)


def until(met: object, seconds: float = 10) -> None:
    assert callable(met)
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.02)
