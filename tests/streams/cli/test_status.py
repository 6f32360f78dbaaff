"""`clawback status` for people and for scripts."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from streams.embedded.log import Log
from streams.embedded.records import Entry
from streams.supervisor.lock import HomeLock
from streams.supervisor.state import LineState, Phase, ProcessState, write_state

Call = Callable[..., Result]


def fill(home: Path) -> None:
    """A log with ten lines, of which extract has read four."""
    (home / "log").mkdir(parents=True)
    log = Log(home / "log/clawback.db")
    log.create_topic("clawback.entries", 2)
    log.create_topic("other.entries", 1)
    log.append_many([Entry("clawback.entries", n % 2, 1, b"k", b"{}") for n in range(10)])
    log.commit("clawback.extract", {("clawback.entries", 0): 3, ("clawback.entries", 1): 1})
    log.close()


def live(home: Path, phase: Phase) -> HomeLock:
    """A line that this process pretends to run."""
    lock = HomeLock(home)
    lock.acquire()
    now = int(time.time() * 1000)
    process = ProcessState("tail", ("tail",), os.getpid(), phase, restarts=2, since_ms=now)
    write_state(home, LineState(os.getpid(), now, "", [process]))
    return lock


def test_nothing_is_running(call: Call) -> None:
    answer = call("status")
    assert answer.exit_code == 3
    assert "not running" in answer.stdout
    assert "no LLM judge is configured: judged by signals only" in answer.stdout
    assert "there are no topics yet" in answer.stdout


def test_lag_is_told_though_nothing_runs(call: Call, tmp_path: Path) -> None:
    fill(tmp_path / "home/.clawback")
    answer = call("status", "--json")
    assert answer.exit_code == 3
    found = json.loads(answer.stdout)
    assert found["topics"] == [{"topic": "entries", "partitions": 2, "records": 10, "written": 10}]
    [extract] = [stage for stage in found["stages"] if stage["stage"] == "extract"]
    assert (extract["group"], extract["committed"], extract["lag"]) == ("clawback.extract", 4, 6)
    assert extract["reads"] == ["entries"]
    assert "extract" in call("status").stdout


def test_a_healthy_line(call: Call, tmp_path: Path) -> None:
    home = tmp_path / "home/.clawback"
    lock = live(home, "running")
    answer = call("status")
    assert answer.exit_code == 0
    assert f"(process {os.getpid()})" in " ".join(answer.stdout.split())
    found = json.loads(call("status", "--json").stdout)
    assert found["running"] is found["healthy"] is True
    assert found["processes"][0]["restarts"] == 2
    assert found["processes"][0]["resident_bytes"] > 1_000_000
    lock.release()


def test_a_crash_loop_is_an_exit_code(call: Call, tmp_path: Path) -> None:
    lock = live(tmp_path / "home/.clawback", "crash-looping")
    answer = call("status")
    assert answer.exit_code == 4
    assert "but not all of it" in answer.stdout
    assert "crash-looping" in answer.stdout
    lock.release()


def test_the_state_of_a_dead_supervisor_is_not_believed(call: Call, tmp_path: Path) -> None:
    live(tmp_path / "home/.clawback", "running").release()
    answer = call("status", "--json")
    assert answer.exit_code == 3
    assert json.loads(answer.stdout)["processes"] == []
