"""A language model's judge is killed, its machine goes away: nothing is lost or paid for twice."""

from __future__ import annotations

import tempfile
import time
from functools import cache
from pathlib import Path

import orjson
import pytest

from agents.judges.fake.script import Mix
from tests.faults.conftest import World
from tests.faults.line import Line
from tests.faults.machine import Machine
from tests.faults.outcome import Outcome
from tests.faults.writing import Sessions

CONCURRENCY = 2
SCRIPT = Mix(seconds=0.05)


def line_with(machine: Machine, folder: Path, **environment: str) -> Line:
    """Return a line whose panel has this machine's judge on it."""
    judges = machine.judges(CONCURRENCY, timeout=2.0)
    settings = {"CLAWBACK_JUDGES": judges, "CLAWBACK_CALIBRATION__REQUIRED": "false"}
    return Line(folder, alone=False, environment=settings | environment)


@cache
def undisturbed() -> Outcome:
    """Return what comes of the world when this machine works all the time."""
    sessions = Sessions(0)
    with tempfile.TemporaryDirectory(prefix="clawback-faults-") as name, Machine(SCRIPT) as machine:
        folder = Path(name)
        line = line_with(machine, folder)
        sessions.write_all(line.sessions)
        with line:
            return line.finish(sessions.turn_ids(folder / "scratch"))


@pytest.mark.slow
def test_a_judge_that_is_killed_pays_again_only_for_what_it_was_at(
    tmp_path: Path, world: World
) -> None:
    expected = undisturbed()
    kills = 0
    with Machine(SCRIPT) as machine, line_with(machine, tmp_path) as line:
        world.write(line)
        while (so_far := machine.asked.total()) < 0.8 * len(world.turns):
            line.until(lambda: machine.asked.total() > so_far + 10, "the judge is at work")
            line.kill("judge.fake")
            kills += 1
        assert line.finish(world.turns).differences(expected) == []
        assert kills >= 4
        assert len(machine.asked) == len(judged(expected))
        assert machine.asked.total() - len(machine.asked) <= kills * CONCURRENCY


@pytest.mark.slow
def test_a_machine_that_goes_away_is_waited_for_while_others_go_on(
    tmp_path: Path, world: World
) -> None:
    expected = undisturbed()
    with (
        Machine(SCRIPT) as machine,
        # Its stage commits nothing for longer than that, and is not taken for one that hangs.
        line_with(machine, tmp_path, CLAWBACK_RUN__STALLED="5s") as line,
    ):
        world.write(line, 0.5)
        line.until(lambda: machine.asked.total() > 10, "the judge is at work")
        pid = line.pids()["judge.fake"]
        machine.off()
        gone = time.monotonic()
        line.until(lambda: "judge fake pauses" in line.story(), "its absence is noticed")
        world.write(line)
        others = ("judge.signals-errors", "judge.signals-efficiency")
        line.until(
            lambda: (
                len(line.seen("turns") & world.turns) == len(world.turns)
                and not any(line.lag()[name] for name in others)
            ),
            "the other judges have judged everything",
        )
        line.until(lambda: time.monotonic() > gone + 8, "it has been away longer than one may hang")
        assert line.lag()["judge.fake"] > 0
        assert line.pids()["judge.fake"] == pid
        machine.on()
        assert line.finish(world.turns).differences(expected) == []
        assert "has committed nothing" not in line.story(1000)
        assert "judge fake is back" in line.story(1000)


def judged(outcome: Outcome) -> list[bytes]:
    """Return the verdicts that judges took part in."""
    return [each for each in outcome.verdicts.values() if orjson.loads(each)["status"] != "skipped"]
