"""``python -m tests.faults.trainkills --runs 50``: SIGKILL to what trains, at random moments.

For each run enough new pairs are put on the topic, and then either the stage `train` (the trigger
and the driver) is killed and started again, or the launcher of its training is killed. All is real
but the training itself and what the gate measures; the snapshot is that of sample sessions. A
judge lives on the machine that trains: it is paused for each run, and must have judged all at the
end.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import orjson

from agents.judges.fake import Act, Asked, Mix
from agents.judges.llm import PROBE
from schemas.training import TrainingRun, read_training
from streams.flow import Outgoing
from streams.status.training import read_training as read_state
from tests.agents.conftest import build
from tests.faults.line import REPO, Line
from tests.faults.machine import Machine
from tests.support.pairing import pairing
from tests.support.training import base_model, variables
from trainer.runs.states import is_over

PAIRS = 2
"""New pairs that start a run."""

STEPS, SECONDS = 20, 0.05
OLD = 1_790_000_000
SETTLE = 10.0
"""Seconds that the processes of a run that is over may take to be gone."""


@dataclass(slots=True)
class Report:
    """What came of it.

    `planned` counts the runs that were ever planned, which are to be as many as were to be; `lost`
    those that did not come to an end, `failed` those that ended without a model. `two` counts
    trainings that met another one, `left` processes of a training that outlived its run, `unjudged`
    turns that the paused judge has not come back to. `beside` counts what the judge was asked while
    a training was at work: nothing, but for the moments in which a killed stage's training ends.
    """

    runs: int
    seed: int
    kills: Counter[str]
    planned: int = 0
    lost: int = 0
    failed: int = 0
    two: int = 0
    left: int = 0
    attempts: int = 0
    unjudged: int = 0
    beside: int = 0
    seconds: float = 0.0

    @property
    def fine(self) -> bool:
        """Whether nothing went wrong."""
        wrong = self.lost + self.failed + self.two + self.left + self.unjudged
        return wrong == 0 and self.planned == self.runs

    def __str__(self) -> str:
        kills = ", ".join(f"{count} of the {name}" for name, count in sorted(self.kills.items()))
        return (
            f"{self.runs} runs, {self.kills.total()} kills ({kills}): {self.planned} planned, "
            f"{self.lost} lost, {self.failed} failed, {self.two} at once with another, "
            f"{self.left} processes left, {self.unjudged} turns not judged, "
            f"{self.beside} asked beside a training; {self.attempts} attempts, "
            f"{self.seconds:.0f} s (seed {self.seed})"
        )


class Night:
    """A home with sessions that have been judged, a stage that trains, and a judge beside it."""

    def __init__(self, folder: Path, machine: Machine) -> None:
        judge = json.loads(machine.judges(concurrency=2, timeout=20))[0]
        training = variables(
            base_model(folder), steps=STEPS, seconds=SECONDS, min_pairs=str(PAIRS), retries="20"
        )
        signals = {"kind": "signals", "name": "signals-errors", "strict_on": "errors"}
        panel = {"name": "default", "judges": ["signals-errors"], "quorum": 1}
        self.line = Line(
            folder,
            alone=False,
            environment={
                **training,
                "CLAWBACK_JUDGES": json.dumps([judge, signals]),
                "CLAWBACK_PANELS": json.dumps([panel]),
                "CLAWBACK_TRAIN__ENABLED": "false",
            },
        )
        self.judge = f"judge.{judge['name']}"
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        self._turns = 0

    def gather(self) -> None:
        """Have the line judge some sessions, so that there is something to train on."""
        for session in pairing(12, OLD * 1000):
            path = self.line.sessions / f"{session.id}.jsonl"
            path.write_bytes(session.data)
            os.utime(path, (OLD, OLD))
        with self.line as line:
            line.until(lambda: len(line.seen("pairs")) == 12, "the sessions' pairs are made")
            assert line.stop() == 0
        self.line.environment["CLAWBACK_TRAIN__ENABLED"] = "true"

    def start(self, stage: str) -> None:
        """Start a stage in a process of its own, as its supervisor does."""
        with self.line.said.open("ab") as said:
            self._workers[stage] = subprocess.Popen(
                [sys.executable, "-m", "streams.worker", stage],
                cwd=REPO,
                env=self.line.environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )

    def kill_stage(self) -> None:
        """SIGKILL to the stage, and nothing else."""
        process = self._workers["train"]
        assert process.poll() is None, f"the stage ended by itself: {self.line.story()}"
        process.kill()
        process.wait()

    def kill_launcher(self) -> bool:
        """SIGKILL to the launcher; False where none is at work."""
        for pid in self._training("trainer.launch --leash"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                return True
        return False

    def end(self) -> None:
        """End what still runs."""
        for process in self._workers.values():
            process.terminate()
        for process in self._workers.values():
            process.wait()
        self.line.end()

    def pairs(self, number: int) -> None:
        """Put enough new pairs on the topic for one run, and a turn before the judge."""
        names = [f"run-{number}-{each}".encode() for each in range(PAIRS)]
        self._publish([Outgoing("pairs", name, b"{}") for name in names])

    def turn(self) -> None:
        """Put a turn before the judge."""
        turn = build(f"turn {self._turns}", asked_ms=1_795_000_000_000 + self._turns * 1000)
        self._turns += 1
        self._publish([Outgoing("candidates", turn.id.encode(), turn.to_bytes())])

    def judged(self) -> int:
        """Return how many of those turns have a judgement of the judge."""
        found = (orjson.loads(record.value or b"") for record in self.line.records("judgements"))
        name = self.judge.removeprefix("judge.")
        return len({each["turn_id"] for each in found if each["judge"] == name} & self._asked())

    def unjudged(self) -> int:
        """Return how many turns wait for the judge."""
        return len(self._asked()) - self.judged()

    def _asked(self) -> set[str]:
        return {
            orjson.loads(record.value or b"")["id"] for record in self.line.records("candidates")
        }

    def told(self) -> list[TrainingRun]:
        """Return all records of runs."""
        read = (read_training(record.value or b"") for record in self.line.records("training"))
        return [run for run in read if isinstance(run, TrainingRun)]

    def latest(self) -> dict[str, TrainingRun]:
        """Return each run as it is."""
        return {run.id: run for run in self.told()}

    def over(self) -> int:
        """Return how many runs have ended."""
        return sum(is_over(run) for run in self.latest().values())

    def left(self) -> list[str]:
        """Return what is left of trainings, once it has had time to end."""
        with suppress(AssertionError):
            self.line.until(lambda: not self._training("trainer."), "", patience=SETTLE)
        return list(self._training("trainer.").values())

    def _training(self, what: str) -> dict[int, str]:
        found = {}
        for pid in self.line.survivors():
            with suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                line = b" ".join(words).decode(errors="replace")
                if what in line:
                    found[pid] = line
        return found

    def _publish(self, records: Sequence[Outgoing]) -> None:
        asyncio.run(self.line.broker.publish(records))


def run(folder: Path, runs: int, seed: int = 0) -> Report:
    """Kill so many times, each time in another run, and count."""
    dice = random.Random(f"trainkills {seed}")
    report = Report(runs, seed, Counter())
    began = time.monotonic()
    mix = Mix(seconds=0.05, seed=seed)

    def answer(asked: Asked) -> Act:
        report.beside += asked.prompt != PROBE[-1].content and _at_work(folder)
        return mix(asked)

    with Machine(answer) as machine:
        night = Night(folder, machine)
        night.gather()
        try:
            night.start(night.judge)
            night.start("train")
            _one(night, 0)
            typical = _one(night, 1)
            for number in range(2, runs + 2):
                _killed(night, number, typical, dice, report)
            report.left = len(night.left())
            night.line.until(
                lambda: night.unjudged() == 0, lambda: f"{night.unjudged()} turns are judged"
            )
        finally:
            night.end()
        report.unjudged = night.unjudged()
    runs_there = night.latest()
    report.planned = len(runs_there) - 2
    report.lost = sum(not is_over(run) for run in runs_there.values())
    report.failed = sum(run.state == "failed" for run in runs_there.values())
    report.attempts = sum(run.attempt for run in runs_there.values()) - 2
    two = folder / "home" / "training" / "two-at-once"
    report.two = len(two.read_text().splitlines()) if two.exists() else 0
    report.seconds = time.monotonic() - began
    return report


def _one(night: Night, number: int) -> float:
    """Let a run through undisturbed, and return how many seconds it took."""
    began = time.monotonic()
    night.pairs(number)
    night.turn()
    _until_over(night, number + 1)
    return time.monotonic() - began


def _killed(night: Night, number: int, typical: float, dice: random.Random, report: Report) -> None:
    """Kill once in a run, at any moment of it."""
    night.pairs(number)
    night.turn()
    target = dice.choice(["stage", "launcher"])
    at = time.monotonic() + dice.uniform(0, typical)
    if target == "launcher":
        # It lives only while there is training: any moment of that.
        night.line.until(
            lambda: bool(night._training("trainer.launch --leash")) or night.over() > number,
            "a launcher is at work",
        )
        at = time.monotonic() + dice.uniform(0, 2 * STEPS * SECONDS)
    time.sleep(max(0.0, at - time.monotonic()))
    if target == "stage" or not night.kill_launcher():
        target = "stage"
        night.kill_stage()
        night.turn()
        time.sleep(dice.choice([0.0, dice.uniform(0, 2)]))
        night.start("train")
    report.kills[target] += 1
    _until_over(night, number + 1)


def _at_work(folder: Path) -> bool:
    """Whether a training is at work; it holds a lock."""
    try:
        with (folder / "home" / "training" / "at-work").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _until_over(night: Night, count: int) -> None:
    def over() -> bool:
        state = read_state(night.line.home)
        return night.over() >= count and (state is None or not state.driven)

    night.line.until(over, lambda: f"{count} runs are over: {night.told()[-5:]}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report; 1 where something went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.trainkills", description=__doc__)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="clawback-kills-", ignore_cleanup_errors=True) as name:
        report = run(Path(name), options.runs, options.seed)
    print(report)
    return 0 if report.fine else 1


if __name__ == "__main__":
    sys.exit(main())
