"""Stored judgements joined anew under another panel: how fast, and in how much memory.

    python -m tests.benchmarks.rejoin [--judgements 1000000] [--partitions 4] [--kafka only]

Three judges have judged all turns one after the other, so that every window is long out of the
caches when its last judgement comes. In the same run: a plain loop over the same records in a file,
which parses, joins in a dictionary and writes verdicts into nothing (the limit); on the embedded
log the join as `clawback replay` does it, and the stage as `clawback run` has it, through Faust; on
a Kafka of its own the stage again, and the same join by Quix Streams (the peer). Each in a process
of its own, with the peak of its resident memory. Wall time counts, so the machine should be idle;
processor time stands beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from schemas.topics import VERDICTS
from streams.broker import EmbeddedBroker, log_path
from streams.replay.join import join
from streams.replay.topics import partitions
from streams.stages.ensemble import stage_name
from tests.benchmarks._cluster import Cluster, cluster
from tests.benchmarks.rejoin import alone, onkafka
from tests.benchmarks.rejoin.stored import JUDGES, edition_of, settings_of, store, write_config
from tests.benchmarks.rejoin.watched import Figures, report, running, watch
from tests.support import kafka as support


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--judgements", type=int, default=60_000)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--kafka", choices=("also", "only", "no"), default="also")
    parser.add_argument("--peer", type=Path, default=onkafka.PYTHON, help="a Python that has it")
    parser.add_argument("--part", choices=("plain", "replay"), help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    turns = options.judgements // len(JUDGES)
    if options.part:
        print(json.dumps(_inside(options.part, options.root, options.partitions)))
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        limit = _limit(root, turns)
        if options.kafka != "only":
            _embedded(root / "embedded", turns, options.partitions, limit)
        if options.kafka != "no":
            _kafka(root / "kafka", turns, options.partitions, options.peer, limit)


def _limit(root: Path, turns: int) -> float:
    alone.write(root / "judgements.jsonl", turns)
    total = turns * len(JUDGES)
    size = (root / "judgements.jsonl").stat().st_size
    print(f"{total:,} judgements of {turns:,} turns, {size / total:.0f} bytes each")
    return report("plain loop over a file", total, _part("plain", root))


def _embedded(root: Path, turns: int, count: int, limit: float) -> None:
    total = turns * len(JUDGES)
    root.mkdir()
    settings = settings_of(root, count)
    store(settings, turns)
    print("on the embedded log")
    report("clawback replay", total, _part("replay", root, count), limit)
    report("the stage, through Faust", total, _stage(root, turns, count), limit)


def _kafka(root: Path, turns: int, count: int, python: Path, limit: float) -> None:
    lack = support.lack()
    if lack is not None:
        print(f"not on Kafka: {lack}")
        return
    total = turns * len(JUDGES)
    root.mkdir()
    with cluster(root / "node") as known:
        settings = settings_of(root, count, known.url)
        store(settings, turns)
        print(f"on Kafka, {count} partitions, one worker")
        ours = onkafka.stage(known, root, settings, turns)
        _report("the stage", total, ours, limit)
        if not python.exists():
            print(f"  no Quix Streams to stand beside it: {onkafka.INSTALL}")
            return
        for kind, what in (("same", "the same decisions"), ("bare", "a bare join")):
            theirs = onkafka.peer(known, root, python, count, turns, kind)
            _report(f"Quix Streams, {what}", total, theirs, limit)
            print(
                f"    the stage is {theirs.seconds / ours.seconds:.2f} times as fast by the clock, "
                f"{theirs.cpu / ours.cpu:.2f} by processor time"
            )
        _compare(known)


def _report(what: str, total: int, figures: Figures, limit: float) -> None:
    report(what, total, figures, limit)
    print(
        f"    meanwhile Kafka took {figures.broker / figures.seconds:.2f} cores, and what else ran "
        f"on the machine {figures.others / figures.seconds:.2f}"
    )


def _compare(known: Cluster) -> None:
    """Say whether the peer that decides by the same functions made the same verdicts.

    Raises:
        SystemExit: it did not, and its figures are worth nothing.
    """
    ours, theirs = (
        known.fingerprint(topic)
        for topic in (f"clawback.{VERDICTS}", onkafka.peer_verdicts("same"))
    )
    if ours != theirs:
        sys.exit(f"the peer's verdicts are others: {theirs} and not {ours}")
    print("  the stage and the peer made the same verdicts, byte for byte")


def _part(name: str, root: Path, count: int = 1) -> Figures:
    """Run one way in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.rejoin", "--part", name]
    command += ["--root", str(root), "--partitions", str(count)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Figures(**json.loads(done.stdout))


def _inside(name: str, root: Path, count: int) -> dict[str, float]:
    """Run one way in this process."""
    before = time.process_time()
    seconds = alone.plain(root / "judgements.jsonl") if name == "plain" else _replay(root, count)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": seconds, "cpu": time.process_time() - before, "peak": peak}


def _replay(root: Path, count: int) -> float:
    """Join as `clawback replay` does."""
    settings = settings_of(root, count)
    broker = EmbeddedBroker(log_path(settings), settings)
    began = time.perf_counter()
    asyncio.run(join(broker, settings, edition_of(settings)))
    seconds = time.perf_counter() - began
    broker.close()
    return seconds


def _stage(root: Path, turns: int, count: int) -> Figures:
    """Join as the running line does, from the moment its worker is there to its last verdict."""
    settings = settings_of(root, count, max_spread=2.0)
    config = write_config(root / "clawback.toml", settings)
    broker = EmbeddedBroker(log_path(settings), settings)
    group = f"{broker.prefix}.{stage_name(edition_of(settings))}"
    places = [
        (f"{broker.prefix}.{VERDICTS}", number)
        for number in range(partitions(broker, VERDICTS, settings))
    ]

    def verdicts() -> int:
        return sum(high for _, high in broker.log.bounds(places).values())

    wanted = verdicts() + turns
    command = [sys.executable, "-m", "streams.worker", "--config", str(config), "ensemble.default"]
    try:
        with running(command) as started:
            return watch(
                started, lambda: group in broker.log.groups(), lambda: verdicts() >= wanted
            )
    finally:
        broker.close()


if __name__ == "__main__":
    sys.exit(main())
