"""How busy judges' machines are kept over a backlog, and what a hung one costs the others.

    python -m tests.benchmarks.judging [--turns 2000]

Three fake judges, each in a process of its own with a fixed inference time and so many turns at
once, are asked by three workers of the line over the embedded log. What counts is measured at the
servers: the share of the time that their slots were in use until their backlog was empty, and
the wall-clock time from the first question to the last judgement on the topic, against the
slowest machine's inference time divided by its slots. Then the same with one of them hanging.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.judges.fake import Act, Asked, FakeJudge, plausible
from schemas.settings import ModelJudge, Paths, Settings
from streams.broker import EmbeddedBroker, log_path
from streams.flow import Outgoing
from tests.agents.conftest import build

TURNS = 2_000
MOST_WALL = 1.02
LEAST_BUSY = 0.98
LEAST_BESIDE_HUNG = 0.99


@dataclass(frozen=True, slots=True)
class Machine:
    """A fake judge: `seconds` of inference a turn, `slots` turns at once."""

    name: str
    seconds: float
    slots: int


MACHINES = (Machine("quick", 0.5, 10), Machine("middling", 0.8, 14), Machine("slow", 1.0, 16))


@dataclass(frozen=True, slots=True)
class Measured:
    """What one server saw: when each inference began and ended, in seconds of its clock."""

    machine: Machine
    spans: tuple[tuple[float, float], ...]

    @property
    def began(self) -> float:
        return min(start for start, _ in self.spans)

    @property
    def inference(self) -> float:
        """Seconds of inference, over all slots."""
        return sum(end - start for start, end in self.spans)

    @property
    def busy(self) -> float:
        """The share of its slots in use until the last turn was begun."""
        empty = max(start for start, _ in self.spans)
        used = sum(min(end, empty) - start for start, end in self.spans)
        return used / (empty - self.began) / self.machine.slots

    @property
    def idle_ms(self) -> float:
        """How long a slot stood idle between two turns, on average."""
        empty = max(start for start, _ in self.spans)
        idle = (1 - self.busy) * (empty - self.began) * self.machine.slots
        return idle / len(self.spans) * 1000

    @property
    def rate(self) -> float:
        """Turns a second."""
        return len(self.spans) / (max(end for _, end in self.spans) - self.began)


class Timed(FakeJudge):
    """Notes when it was at work."""

    def __init__(self, *args: Any, **fields: Any) -> None:
        super().__init__(*args, **fields)
        self.spans: list[tuple[float, float]] = []

    async def _infer(self, path: str, body: Mapping[str, Any]) -> bytes | None:
        began = time.monotonic()
        try:
            return await super()._infer(path, body)
        finally:
            self.spans.append((began, time.monotonic()))


async def serve(seconds: float, slots: int, hang: bool, out: Path) -> None:
    """Be a machine until SIGTERM; write what was seen."""

    # Always the same, so that the machine's own processor has next to nothing to do.
    said = plausible(Asked(0, "", {})).content

    def script(_: Asked) -> Act:
        return Act(said, seconds=seconds, hang=hang)

    done = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, done.set)
    async with Timed(script, slots=slots, remember=False) as fake:
        print(fake.url, flush=True)
        await done.wait()
    await asyncio.to_thread(out.write_text, json.dumps(fake.spans))


def run(turns: int, hung: str = "") -> tuple[float, list[Measured]]:
    """Return when the last judgement stood on the topic, and what the machines saw."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name).absolute()
        return _run(folder, turns, hung)


def _run(folder: Path, turns: int, hung: str) -> tuple[float, list[Measured]]:
    processes: list[subprocess.Popen[str]] = []
    try:
        judges = []
        for machine in MACHINES:
            hang = ["--hang"] if machine.name == hung else []
            sizes = [str(machine.seconds), str(machine.slots), str(folder / f"{machine.name}.json")]
            server = subprocess.Popen(
                [sys.executable, "-m", "tests.benchmarks.judging", "--serve", *sizes, *hang],
                stdout=subprocess.PIPE,
                text=True,
            )
            processes.append(server)
            assert server.stdout is not None
            judges.append(_judge(machine, server.stdout.readline().strip()))
        settings = Settings(paths=Paths(home=folder), judges=judges)
        broker = EmbeddedBroker(log_path(settings), settings)
        broker.ensure_topics()
        asyncio.run(_fill(broker, turns))
        environment = {**os.environ, **_environment(folder, judges)}
        workers = [
            subprocess.Popen(
                [sys.executable, "-m", "streams.worker", f"judge.{judge.name}"], env=environment
            )
            for judge in judges
        ]
        processes += workers  # type: ignore[arg-type]
        asyncio.run(_until(broker, turns * (len(judges) - bool(hung))))
        ended = time.monotonic()
        broker.close()
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            process.wait(20)
    found = [
        Measured(machine, tuple((a, b) for a, b in json.loads(path.read_text())))
        for machine in MACHINES
        if machine.name != hung and (path := folder / f"{machine.name}.json")
    ]
    return ended, found


def _judge(machine: Machine, url: str) -> ModelJudge:
    return ModelJudge(
        kind="ollama", name=machine.name, url=url, model="fake-judge", concurrency=machine.slots
    )


def _environment(folder: Path, judges: list[ModelJudge]) -> dict[str, str]:
    kept = {"kind", "name", "url", "model", "concurrency"}
    return {
        "CLAWBACK_CONFIG": "",
        "CLAWBACK_PATHS__HOME": str(folder),
        "CLAWBACK_JUDGES": json.dumps([judge.model_dump(include=kept) for judge in judges]),
    }


async def _fill(broker: EmbeddedBroker, count: int) -> None:
    text = "what the tool said, and some more of it. " * 25
    calls = [{"name": "exec", "arguments": {"command": f"do {n}"}, "text": text} for n in range(4)]
    records = []
    for number in range(count):
        turn = build(f"turn {number}", calls, asked_ms=1_795_000_000_000 + number * 1000)
        records.append(Outgoing("candidates", turn.id.encode(), turn.to_bytes()))
    await broker.publish(records)


async def _until(broker: EmbeddedBroker, count: int) -> None:
    while True:
        ends = [await broker.end("judgements", number) for number in range(4)]
        if sum(ends) >= count:
            return
        await asyncio.sleep(0.02)


def main() -> int:
    """Print the numbers; 1 where one of them misses its mark."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.judging", description=__doc__)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--serve", nargs=3, metavar=("SECONDS", "SLOTS", "OUT"))
    parser.add_argument("--hang", action="store_true")
    options = parser.parse_args()
    if options.serve:
        seconds, slots, out = options.serve
        asyncio.run(serve(float(seconds), int(slots), options.hang, Path(out)))
        return 0
    ended, machines = run(options.turns)
    missed = []
    for each in machines:
        m = each.machine
        print(
            f"{m.name:9} {m.seconds:4.1f} s a turn, {m.slots:2} at once: busy {each.busy:7.2%} "
            f"until its backlog was empty, {each.idle_ms:.1f} ms idle between two turns of a slot, "
            f"{each.rate:.2f} turns/s"
        )
        if each.busy < LEAST_BUSY:
            missed.append(f"{m.name} busy {each.busy:.2%}")
    least = max(each.inference / each.machine.slots for each in machines)
    wall = ended - min(each.began for each in machines)
    print(f"{options.turns} turns: {wall:.1f} s, {wall / least:.4f} times the {least:.1f} s of the")
    print("slowest machine's inference, divided by its slots")
    if wall / least > MOST_WALL:
        missed.append(f"wall-clock {wall / least:.4f}")
    _, beside = run(options.turns, hung="slow")
    rates = {each.machine.name: each.rate for each in machines}
    for each in beside:
        share = each.rate / rates[each.machine.name]
        print(f"{each.machine.name:9} beside a hung one: {share:7.2%} of its throughput without")
        if share < LEAST_BESIDE_HUNG:
            missed.append(f"{each.machine.name} beside a hung one {share:.2%}")
    print(f"missed: {', '.join(missed)}" if missed else "all marks reached")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
