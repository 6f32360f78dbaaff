"""Verdicts to pairs and a snapshot, in one pass over the topics.

    python -m tests.benchmarks.pairs [--verdicts 1000000] [--processes N]

A log is filled with that many turns and verdicts (`_assistant`), then a process of its own makes
the snapshot as `clawback pairs snapshot` does. Told are verdicts a second from the topics to the
finished snapshot by the clock, the same by processor time (of all processes, if each second had as
many processor seconds as the machine has cores: what an idle machine could reach at best), the
parts of the way, and the most memory that all its processes hold at once, pages they share counted
in each. In the same run: a plain loop on one core that reads the same records and parses them, the
limit. Two sizes are run, so that memory that grows with their number shows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from schemas.settings import Settings
from schemas.topics import TURNS, VERDICTS
from schemas.turn import Turn
from schemas.verdict import Verdict
from streams.broker import open_broker
from streams.flow import Outgoing
from streams.replay.topics import partitions, scan
from streams.stages.sinks import asks_again, panel_label
from tests.benchmarks._assistant import records

TARGET = 5_000
BATCH = 5_000


def main() -> int:
    """Run the benchmark and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verdicts", type=int, default=40_000)
    parser.add_argument("--processes", type=int, help="beside the one; else one for each core")
    parser.add_argument("--part", choices=("plain", "snapshot"), help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part == "plain":
        print(json.dumps(asyncio.run(plain(options.home, options.verdicts))))
        return 0
    if options.part == "snapshot":
        print(json.dumps(snapshot(options.home, options.verdicts, options.processes)))
        return 0
    slow = False
    for count in (max(1, options.verdicts // 4), options.verdicts):
        with tempfile.TemporaryDirectory() as home:
            began = time.perf_counter()
            size = asyncio.run(fill(Path(home), count))
            print(
                f"{count:,} turns with verdicts, {size / 1e6:,.0f} MB, made in "
                f"{time.perf_counter() - began:.0f} s",
                flush=True,
            )
            slow = measure(Path(home), count, options.processes)
    return int(slow)


def measure(home: Path, count: int, processes: int | None) -> bool:
    """Print the figures of one size; say whether they are below the target."""
    limit, _ = part(home, count, "plain")
    found, peak = part(home, count, "snapshot", processes)
    cores = os.cpu_count() or 1
    rate, busy = count / found["seconds"], count * cores / found["cpu"]
    print(
        f"  a plain loop that reads and parses, one core: {count / limit['seconds']:,.0f} "
        f"verdicts/s, {count / limit['cpu']:,.0f} by processor time\n"
        f"  {rate:,.0f} verdicts/s (target {TARGET:,}), by processor time of {cores} cores "
        f"{busy:,.0f}, beside {found['processes']} processes; peak of all together {peak:,.0f} MB\n"
        + "".join(
            f"    {name}: {seconds:.1f} s, processor {own:.1f} s here and {theirs:.1f} s there\n"
            for name, seconds, own, theirs in found["parts"]
        )
        + f"  {found['rows']}\n  {found['strategies']}\n  fingerprint {found['fingerprint']}; "
        f"load of the machine {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    return rate < TARGET


def part(
    home: Path, count: int, name: str, processes: int | None = None
) -> tuple[dict[str, Any], float]:
    """Run one part in a process of its own; return what it says, and the peak of memory in MB."""
    command = [sys.executable, "-m", "tests.benchmarks.pairs", "--part", name, "--home", str(home)]
    command += ["--verdicts", str(count)]
    if processes is not None:
        command += ["--processes", str(processes)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    process, peak = psutil.Process(child.pid), 0
    while child.poll() is None:
        peak = max(peak, _resident(process))
        time.sleep(0.1)
    assert child.stdout is not None
    said = child.stdout.read()
    if child.returncode:
        raise RuntimeError(f"{name} ended with {child.returncode}")
    return json.loads(said.splitlines()[-1]), peak / 1e6


async def plain(home: Path, count: int) -> dict[str, float]:
    """Read and parse the records, each once: what there is to do before anything is made."""
    settings = settings_of(home)
    broker = open_broker(settings)
    began, cpu = time.perf_counter(), time.process_time()
    read = 0
    for topic, model in ((TURNS, Turn), (VERDICTS, Verdict)):
        for number in range(partitions(broker, topic, settings)):
            async for record in scan(broker, topic, number):
                model.from_bytes(record.value or b"")
                read += 1
    seconds = time.perf_counter() - began
    broker.close()
    assert read >= 2 * count
    return {"seconds": seconds, "cpu": time.process_time() - cpu}


def snapshot(home: Path, count: int, processes: int | None) -> dict[str, Any]:
    """Make a snapshot of what is in a home's topics."""
    from sinks.dataset.build import build
    from streams.pairs.crew import Crew
    from streams.pairs.gather import gather, lineage
    from streams.pairs.scratch import scratch

    settings = settings_of(home)
    rules = settings.pairs
    broker = open_broker(settings)
    began = time.perf_counter()
    times = [_times()]
    with scratch(settings) as place, Crew(processes) as crew:
        read = gather(broker, settings, panel_label(settings), place, crew)
        assert read.records[VERDICTS] >= count
        times.append(_times())
        paired = read.bulk.pair(rules, asks_again, crew)
        times.append(_times())
        made = build(
            read.bulk, paired, rules, place.table, home / "snapshots", lineage(broker, read),
            place.tick, crew,
        )  # fmt: skip
        times.append(_times())
        helpers = len(crew)
    seconds = time.perf_counter() - began
    broker.close()
    # Only when they have ended is all the time of the processes told.
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = time.process_time() - times[0][1] + used.ru_utime + used.ru_stime
    return {
        "seconds": seconds,
        "cpu": cpu,
        "processes": helpers,
        "parts": [
            (name, *(late - early for early, late in zip(times[at], times[at + 1], strict=True)))
            for at, name in enumerate(("reading", "pairing", "writing"))
        ],
        "rows": made.counts["rows"],
        "strategies": made.counts["strategies"],
        "fingerprint": made.fingerprint,
    }


def settings_of(home: Path) -> Settings:
    """Return settings with everything below one directory."""
    return Settings.model_validate({"paths": {"home": home / "home", "output": home / "output"}})


async def fill(home: Path, count: int) -> int:
    """Fill the topics with so many turns and verdicts; return their size in bytes."""
    settings = settings_of(home)
    panel, _, edition = panel_label(settings).partition("@")
    broker = open_broker(settings)
    broker.ensure_topics()
    batch: list[Outgoing] = []
    size = 0
    for topic, key, value in records(count, panel, edition):
        batch.append(Outgoing(topic, key, value))
        size += len(value)
        if len(batch) == BATCH:
            await broker.publish(batch)
            batch.clear()
    await broker.publish(batch)
    broker.close()
    return size


def _times() -> tuple[float, float, float]:
    """Return the clock, and the processor time of this process and of its helpers."""
    theirs = 0.0
    for child in psutil.Process().children(recursive=True):
        used = child.cpu_times()
        theirs += used.user + used.system
    return time.perf_counter(), time.process_time(), theirs


def _resident(process: psutil.Process) -> int:
    """Return the bytes that a process and all below it hold in memory."""
    total = 0
    try:
        for each in (process, *process.children(recursive=True)):
            total += each.memory_info().rss
    except psutil.NoSuchProcess:
        # One has just ended.
        return 0
    return total


if __name__ == "__main__":
    sys.exit(main())
