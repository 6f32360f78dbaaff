"""From the pair that crosses the threshold to the training process, where the hardware is free.

All is real up to the start of the first rank: the stage, the snapshot of sample sessions, the plan,
the hand-over and the launcher. With --python, that of an environment with torch, torchrun is real,
too, and starts the rank only when it has loaded torch. The base has no weights, so the rank ends
at once; that is no part of this.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import psutil

from schemas.training import TrainingRun, read_training
from streams.flow import Outgoing
from tests.faults.line import REPO, Line
from tests.support.pairing import pairing
from tests.support.training import base_model, settings_of, variables
from trainer.runs.states import is_over

OLD = 1_790_000_000
SESSIONS = 12
AIM = 5.0
LOOK_EVERY = 0.02


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--python", default="", help="one with clawback[train]; else stand-ins")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options.runs, options.python)


def measure(folder: Path, runs: int, python: str) -> None:
    """Cross the threshold so often, each time when nothing else is under way."""
    base = base_model(folder)
    wanted = {"min_pairs": "1", "retries": "0"}
    training = (
        settings_of(base, python=python, **wanted) if python else variables(base, steps=1, **wanted)
    )
    line = Line(folder, alone=False, environment={**training, "CLAWBACK_TRAIN__ENABLED": "false"})
    gather(line)
    line.environment["CLAWBACK_TRAIN__ENABLED"] = "true"
    line.environment["CLAWBACK_TRAIN__MIN_PAIRS"] = str(SESSIONS)
    stage = start(line)
    try:
        line.until(lambda: over(line) == 1, "the first run is over")
        stage.terminate()
        stage.wait()
        line.environment["CLAWBACK_TRAIN__MIN_PAIRS"] = "1"
        stage = start(line)
        time.sleep(5)
        parts = [cross(line, number) for number in range(runs)]
    finally:
        stage.terminate()
        stage.wait()
        line.end()
    print(f"threshold to training process, {runs} times, {'torchrun' if python else 'stand-ins'}")
    for name in parts[0]:
        values = [each[name] for each in parts]
        print(f"  {name:34} median {statistics.median(values):6.2f} s   worst {max(values):6.2f} s")
    print(f"  aim: below {AIM:g} s; load of the machine {os.getloadavg()[0]:.1f}")


def gather(line: Line) -> None:
    """Have some sessions judged and paired."""
    for session in pairing(SESSIONS, OLD * 1000):
        path = line.sessions / f"{session.id}.jsonl"
        path.write_bytes(session.data)
        os.utime(path, (OLD, OLD))
    with line:
        line.until(lambda: len(line.seen("pairs")) == SESSIONS, "the sessions' pairs are made")
        line.stop()


def start(line: Line) -> subprocess.Popen[bytes]:
    """Start the stage."""
    with line.said.open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "streams.worker", "train"],
            cwd=REPO, env=line.environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
        )  # fmt: skip


def cross(line: Line, number: int) -> dict[str, float]:
    """Put one more pair on the topic, and return the seconds of each part of what follows."""
    before = {run.id for run in told(line)}
    asyncio.run(line.broker.publish([Outgoing("pairs", b"pair-%d" % number, b"{}")]))
    published = time.time()
    found = None
    while found is None:
        time.sleep(LOOK_EVERY)
        found = started(line, published)
    torchrun, rank = found
    line.until(lambda: over(line) == len({run.id for run in told(line)}) > len(before), "its end")
    (name,) = {run.id for run in told(line)} - before
    at = {run.state: run.at_ms / 1000 for run in reversed(told(line)) if run.id == name}
    return {
        "pair to planned run": at["planned"] - published,
        "plan and snapshot": at["waiting"] - at["planned"],
        "hand-over": at["running"] - at["waiting"],
        "launcher and agent, to torchrun": torchrun - at["running"],
        "torchrun, to its first rank": rank - torchrun,
        "in all, to torchrun": torchrun - published,
        "in all, to the first rank": rank - published,
    }


def started(line: Line, after: float) -> tuple[float, float] | None:
    """Return when torchrun and its first rank were started, None if there is no rank yet."""
    for pid in line.survivors():
        try:
            process = psutil.Process(pid)
            parent = process.parent()
            words = process.cmdline()
            if "trainer.rank" in words and "--nnodes=1" not in words and parent is not None:
                began, first = parent.create_time() - _skew(), process.create_time() - _skew()
                return (began, first) if first > after else None
        except psutil.Error:
            continue
    return None


@cache
def _skew() -> float:
    """Return by how many seconds the kernel's times of processes are ahead of the clock; it knows
    the moment of its own start in whole seconds only."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        now = time.time()
        skew = psutil.Process(child.pid).create_time() - now
        assert child.stdin is not None
        child.stdin.close()
        child.wait()
    return skew


def told(line: Line) -> list[TrainingRun]:
    """Return all records of runs."""
    read = (read_training(record.value or b"") for record in line.records("training"))
    return [run for run in read if isinstance(run, TrainingRun)]


def over(line: Line) -> int:
    """Return how many runs have ended."""
    return sum(is_over(run) for run in {run.id: run for run in told(line)}.values())


if __name__ == "__main__":
    main()
