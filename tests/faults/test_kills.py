"""Whatever is killed, stopped or lost while sessions are written, the same bytes come out."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from tests.faults import crashing
from tests.faults.conftest import World
from tests.faults.line import REPO, Line


def test_each_stage_is_killed_in_turn_then_several_then_the_supervisor(
    tmp_path: Path, world: World
) -> None:
    with Line(tmp_path) as line:
        line.until_ready()
        names = list(line.states())
        restart = [line.kill_supervisor, line.start]
        several = [partial(line.kill, name) for name in names[1:4]]
        kills = [partial(line.kill, name) for name in names]
        world.write_between(line, [*kills, *several, *restart])
        world.check(line)
        dead = {name for name in names if f"{name} was killed by SIGKILL" in line.story(10_000)}
        assert dead == set(names)


@pytest.mark.slow
def test_stages_that_stand_still_for_seconds_go_on(tmp_path: Path, world: World) -> None:
    with Line(tmp_path, alone=False) as line:
        line.until_ready()
        names = list(line.states())
        for name in names:
            line.signal(name, signal.SIGSTOP)
            world.write(line, (names.index(name) + 1) / (len(names) + 1))
        began = time.monotonic()
        line.until(lambda: time.monotonic() - began > 3, "they have stood still for long")
        line.resume()
        world.write(line)
        world.check(line)


@pytest.mark.slow
def test_tables_that_are_lost_are_built_again_from_the_topics(tmp_path: Path, world: World) -> None:
    with Line(tmp_path, alone=False) as line:
        world.write(line, 0.6)
        line.until(lambda: len(line.verdicts()) > 20, "verdicts come")
        line.stop()
        shutil.rmtree(line.home / "tables")
        line.start()
        world.write(line)
        world.check(line)


def test_a_lost_table_is_whole_before_its_files_are_written(tmp_path: Path, world: World) -> None:
    """One turn comes after the tables of the sinks are lost: the files still have all others."""
    *steps, last = world.sessions.steps
    with Line(tmp_path, alone=False) as line:
        for step in steps:
            step.do(line.sessions)
        line.until(lambda: len(line.verdicts()) >= len(world.turns) - 1, "all but one are through")
        line.stop()
        for table in ("turnfiles", "pairs"):
            shutil.rmtree(line.home / "tables" / table)
        line.start()
        last.do(line.sessions)
        world.check(line)


def test_a_crash_between_publishing_writing_and_committing_repeats_and_loses_nothing(
    tmp_path: Path, world: World
) -> None:
    diary = tmp_path / "diary"
    diary.mkdir()
    environment = {crashing.DIARY: str(diary)}
    with Line(tmp_path, environment=environment, supervisor=crashing.__name__) as line:
        line.until_ready()
        names = {name.partition("@")[0] for name in line.states()}
        world.write(line)
        world.check(line)
    deaths = crashing.deaths(diary)
    assert deaths >= {(name, "written") for name in names - {"tail"}}
    assert deaths >= {(name, "published") for name in names - {"turnfiles"}}
    assert deaths >= {("tail", "checkpointed"), ("turnfiles", "replaced"), ("pairs", "replaced")}


def test_a_second_worker_stands_by_and_takes_over(tmp_path: Path, world: World) -> None:
    with Line(tmp_path, alone=False) as line:
        line.until_ready()
        pid = line.pids()["extract"]
        standby = _worker(line, "extract", "prefilter")
        try:
            line.until(lambda: _waits(standby.pid), "a second worker stands by")
            world.write(line, 0.4)
            # What would start it again stands still meanwhile: only the second one can go on.
            line.process.send_signal(signal.SIGSTOP)
            os.kill(pid, signal.SIGKILL)
            before = line.committed("extract")
            began = time.monotonic()
            world.write(line, 0.5)
            line.until(lambda: line.committed("extract") > before, "the second one has taken over")
            taken = time.monotonic() - began
            print(f"taken over after {taken:.2f} s")
            line.process.send_signal(signal.SIGCONT)
            world.write(line)
            world.check(line)
        finally:
            standby.kill()
            standby.wait()


@pytest.mark.slow
def test_an_unreadable_directory_comes_back(tmp_path: Path, world: World) -> None:
    with Line(tmp_path, alone=False) as line:
        world.write(line, 0.3)
        line.until(lambda: len(line.verdicts()) > 5, "verdicts come")
        away = line.openclaw.with_name("away")
        line.openclaw.rename(away)
        line.until(lambda: "is not there" in line.log("tail"), "its absence is noticed")
        away.rename(line.openclaw)
        world.write(line)
        world.check(line)


def _worker(line: Line, *stages: str) -> subprocess.Popen[bytes]:
    with (line.home / "standby.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "streams.worker", *stages],
            cwd=REPO,
            env=line.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def _waits(pid: int) -> bool:
    """Whether a process sleeps on the group's lock, which another one has."""
    waiting = Path("/proc/locks").read_text().splitlines()
    return any("->" in each and f" {pid} " in each for each in waiting)
