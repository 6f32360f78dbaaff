"""``python -m tests.faults.restarts``: how long after a SIGKILL each stage is at its work again.

Sessions are written all the while. Measured is the time from the kill until something comes out
of the new process: a record on a topic, or a turn file. `pairs` need not write anything; there it
is the first offset committed, which comes up to two seconds later.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import orjson

from tests.faults.line import Line
from tests.faults.writing import Sessions
from tests.support.kafka import KafkaProcess

LIMIT = {"embedded": 3.0, "kafka": 15.0}
"""Seconds that a restart may take (issue 4)."""

COMMIT = 2.0
"""Seconds until what has been consumed is committed."""

WRITES = {
    "tail": "entries",
    "extract": "turns",
    "prefilter": "candidates",
    "judge": "judgements",
    "ensemble": "verdicts",
}


class Progress:
    """Counts what has come of a stage's work."""

    def __init__(self, line: Line, stage: str) -> None:
        self._line = line
        self._stage = stage
        kind, _, judge = stage.partition(".")
        self._topic = WRITES.get(kind, "")
        self._judge = judge if kind == "judge" else ""
        self._positions = dict.fromkeys(range(line.settings().broker.partitions), 0)
        self._count = 0

    def look(self) -> int:
        """Return the count by now."""
        if self._topic:
            return asyncio.run(self._look())
        if self._stage == "turnfiles":
            files = (self._line.output / "turns").glob("*.jsonl")
            return max((file.stat().st_mtime_ns for file in files), default=0)
        return self._line.committed(self._stage)

    async def _look(self) -> int:
        broker = self._line.broker
        for number, position in self._positions.items():
            end = await broker.end(self._topic, number)
            while found := await broker.read(self._topic, number, position, end):
                position = found[-1].offset + 1
                self._count += sum(self._is_ours(record.value or b"") for record in found)
            self._positions[number] = position
        return self._count

    def _is_ours(self, value: bytes) -> bool:
        return not self._judge or orjson.loads(value)["judge"] == self._judge


def measure(line: Line, rounds: int) -> dict[str, list[float]]:
    """Return for each stage the seconds of its restarts."""
    taken: dict[str, list[float]] = {}
    line.until_ready()
    for name in [*line.states()] * rounds:
        progress = Progress(line, name)
        before = progress.look()
        line.until(lambda: progress.look() > before, f"{name} is at work")  # noqa: B023
        began = time.monotonic()
        line.kill(name)
        before = progress.look()
        line.until(lambda: progress.look() > before, f"{name} is at work again")  # noqa: B023
        taken.setdefault(name, []).append(time.monotonic() - began)
    return taken


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; the exit code says whether all are within the limit."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.restarts")
    parser.add_argument("--broker", choices=tuple(LIMIT), default="embedded")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    ended = threading.Event()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clawback-faults-")))
        kafka = KafkaProcess(folder / "kafka") if options.broker == "kafka" else None
        if kafka is not None:
            stack.callback(kafka.stop)
        line = Line(folder, kafka=kafka)
        writer = threading.Thread(target=_write, args=(line, ended))
        writer.start()
        try:
            with line:
                taken = measure(line, options.rounds)
        finally:
            ended.set()
            writer.join()
    late = False
    for stage, seconds in taken.items():
        limit = LIMIT[options.broker] + (COMMIT if stage == "pairs" else 0)
        worst = max(seconds)
        word = "" if worst <= limit else f"  more than {limit:g} s"
        late = late or bool(word)
        print(f"{stage:<28} median {statistics.median(seconds):.2f} s, most {worst:.2f} s{word}")
    return int(late)


def _write(line: Line, ended: threading.Event) -> None:
    """Write one world after another, a turn about every tenth of a second."""
    seed = 1000
    while True:
        for step in Sessions(seed).steps:
            step.do(line.sessions)
            if ended.wait(0.02):
                return
        seed += 1


if __name__ == "__main__":
    sys.exit(main())
