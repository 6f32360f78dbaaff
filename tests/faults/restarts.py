"""``python -m tests.faults.restarts``: how long after a SIGKILL each stage is at its work again.

Sessions are written all the while. Measured is the time from the kill until the supervisor's new
process has committed offsets (for `tail`: published entries), so the figures hold the process's
start, the recovery of its table, and up to a second until a stage commits.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.faults.line import Line
from tests.faults.writing import Sessions
from tests.support.kafka import KafkaProcess

LIMIT = {"embedded": 3.0, "kafka": 15.0}
"""Seconds that a restart may take (issue 4)."""


def measure(line: Line, rounds: int) -> dict[str, list[float]]:
    """Return for each stage the seconds of its restarts."""
    taken: dict[str, list[float]] = {}
    line.until_ready()
    for name in [*line.states()] * rounds:
        before = _done(line, name)
        line.until(lambda: _done(line, name) > before, f"{name} is at work")  # noqa: B023
        began = time.monotonic()
        line.kill(name)
        before = _done(line, name)
        line.until(lambda: _done(line, name) > before, f"{name} is at work again")  # noqa: B023
        taken.setdefault(name, []).append(time.monotonic() - began)
    return taken


def _done(line: Line, stage: str) -> int:
    return line.written()["entries"] if stage == "tail" else line.committed(stage)


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
    limit = LIMIT[options.broker]
    for stage, seconds in taken.items():
        worst = max(seconds)
        word = "" if worst <= limit else f"  more than {limit:g} s"
        print(f"{stage:<28} median {statistics.median(seconds):.2f} s, most {worst:.2f} s{word}")
    return 0 if all(max(each) <= limit for each in taken.values()) else 1


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
