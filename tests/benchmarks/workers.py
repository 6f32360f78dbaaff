"""Two workers of one stage on Kafka, each with half of its partitions, beside one with all.

    python -m tests.benchmarks.workers [--judgements 300000] [--rounds 3] [--pin]

The stage is the join of a panel (`ensemble`): it decides the most for each byte that the broker
moves. Each run joins the same judgements, which lie on the topic before, under another edition of
the panel, from the moment its workers have their partitions to the last verdict. The broker and
everything else on the machine take their share of the same cores, so beside each run stands how
many cores they took, and beside all of them what two busy loops do that share nothing.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from tests.benchmarks._cluster import cluster
from tests.benchmarks.rejoin.onkafka import stage
from tests.benchmarks.rejoin.stored import JUDGES, settings_of, store
from tests.benchmarks.rejoin.watched import Figures, report
from tests.support import kafka as support

JOIN_TOGETHER = "group.initial.rebalance.delay.ms=10000"
"""Kafka waits that long for more members before a new group begins: all workers begin at once."""

LOOP = "x = 0\nfor i in range(20_000_000): x += i * i % 7"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--judgements", type=int, default=90_000)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--pin", action="store_true", help="keep each worker to a core of its own")
    options = parser.parse_args()
    lack = support.lack()
    if lack is not None:
        sys.exit(lack)
    print(f"{os.cpu_count()} cores; two busy loops do {_loops():.2f} times what one does")
    turns = options.judgements // len(JUDGES)
    runs: dict[int, list[Figures]] = {1: [], 2: []}
    with (
        tempfile.TemporaryDirectory() as folder,
        cluster(Path(folder) / "node", "--set", JOIN_TOGETHER) as known,
    ):
        store(settings_of(Path(folder), options.partitions, known.url), turns)
        for number in range(2 * options.rounds):
            workers = number % 2 + 1
            home = Path(folder) / f"run-{number}"
            home.mkdir()
            # Another spread makes another edition, which has read nothing yet.
            settings = settings_of(home, options.partitions, known.url, 3.0 + number)
            figures = stage(known, home, settings, turns, workers, pin=options.pin)
            runs[workers].append(figures)
            _report(workers, turns * len(JUDGES), figures)
    clock, cpu = (_ratio(runs, what) for what in ("seconds", "cpu"))
    print(f"two workers do {clock:.2f} times what one does in the same time")
    print(f"and {cpu:.2f} times what one does for the same processor time of all workers")


def _report(workers: int, total: int, figures: Figures) -> None:
    report(f"{workers} worker{'s' if workers > 1 else ''}", total, figures)
    had, kafka, others = (
        each / figures.seconds for each in (figures.cpu, figures.broker, figures.others)
    )
    print(f"    cores: the workers had {had:.2f}, Kafka {kafka:.2f}, everything else {others:.2f}")


def _ratio(runs: dict[int, list[Figures]], what: str) -> float:
    """Return how much less of it two workers took than one, by the medians."""
    one, two = (median(getattr(run, what) for run in runs[number]) for number in (1, 2))
    return one / two


def _loops() -> float:
    """Return how many times as much two busy processes do as one."""
    one, two = (_together(number) for number in (1, 2))
    return 2 * one / two


def _together(number: int) -> float:
    began = time.perf_counter()
    started = [subprocess.Popen([sys.executable, "-c", LOOP]) for _ in range(number)]
    for process in started:
        process.wait()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
