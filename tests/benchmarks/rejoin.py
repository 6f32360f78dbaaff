"""Stored judgements joined anew under another panel: how fast, and in how much memory.

    python -m tests.benchmarks.rejoin [--judgements 1000000] [--partitions 4]

Three judges have judged all turns one after the other, so that every window is long out of the
caches when its last judgement comes. In the same run: a plain loop over the same records in a file,
which parses, joins in a dictionary and writes verdicts into nothing (the limit); the join as
`clawback replay` does it; and the stage as `clawback run` has it, through Faust. Each in a process
of its own, with the peak of its resident memory. Wall time counts, so the machine should be idle;
processor time, which includes starting the process, stands beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import psutil

from agents.ensemble import edition
from schemas.identity import digest
from schemas.judgement import Judgement, Scores, judgement_id
from schemas.settings import Broker as BrokerSettings
from schemas.settings import ModelJudge, Panel, Paths, Settings
from schemas.topics import JUDGEMENTS, VERDICTS
from streams.broker import EmbeddedBroker, log_path
from streams.flow import Outgoing
from streams.replay.join import join
from streams.replay.topics import partitions

JUDGES = ("one", "two", "three")
BATCH = 2_000
WORDS = ("tool", "answer", "result", "was", "right", "the", "and", "says", "more", "than", "found")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judgements", type=int, default=60_000)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--part", choices=("plain", "replay"), help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        seconds = plain(options.root) if options.part == "plain" else replay(options.root)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({"seconds": seconds, "cpu": time.process_time(), "peak": peak}))
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options.judgements // len(JUDGES), options.partitions)


def measure(root: Path, turns: int, count: int) -> None:
    """Store the judgements, and join them in each way."""
    asyncio.run(store(root, turns, count))
    total = turns * len(JUDGES)
    size = (root / "judgements.jsonl").stat().st_size
    print(f"{total:,} judgements of {turns:,} turns, {size / total:.0f} bytes each")
    limit = report("plain loop over a file", total, part(root, "plain"))
    report("clawback replay", total, part(root, "replay"), limit)
    report("the stage, through Faust", total, stage(root, turns), limit)


def report(what: str, total: int, figures: dict[str, float], limit: float | None = None) -> float:
    """Print one way's figures and return its rate."""
    rate = total / figures["seconds"]
    ratio = f"   ratio {rate / limit:.2f}" if limit else ""
    print(
        f"  {what:26} {rate:9,.0f} judgements/s   {total / figures['cpu']:9,.0f} per second of "
        f"processor time   peak {figures['peak'] / 1e6:5.0f} MB{ratio}",
        flush=True,
    )
    return rate


def part(root: Path, name: str) -> dict[str, float]:
    """Run one way in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.rejoin", "--part", name, "--root", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def settings_of(root: Path, count: int = 4) -> Settings:
    """Return settings with the new panel; its edition has no verdicts yet."""
    return Settings(
        paths=Paths(home=root / "home", output=root / "output"),
        broker=BrokerSettings(partitions=count),
        judges=tuple(
            ModelJudge(kind="ollama", name=name, url="http://nowhere", model=f"model-{name}")
            for name in JUDGES
        ),
        panels=(Panel(name="default", judges=JUDGES, quorum=2, max_spread=3.0),),
    )


async def store(root: Path, turns: int, count: int) -> None:
    """Put the judgements on the topic, and the same into a file."""
    settings = settings_of(root, count)
    broker = EmbeddedBroker(log_path(settings), settings)
    broker.ensure_topics()
    with (root / "judgements.jsonl").open("wb") as file:
        batch: list[Outgoing] = []
        for turn_id, value in judgements(turns):
            file.write(value + b"\n")
            batch.append(Outgoing(JUDGEMENTS, turn_id.encode(), value))
            if len(batch) == BATCH:
                await broker.publish(batch)
                batch = []
        await broker.publish(batch)
    broker.close()


def judgements(turns: int) -> Iterator[tuple[str, bytes]]:
    """Yield turn ids and judgements, one judge after the other."""
    dice = random.Random(1)
    for judge in JUDGES:
        for number in range(turns):
            turn_id = digest("turn", number)
            model, score = f"model-{judge}", dice.randrange(1, 11)
            near = [min(10, max(1, score + dice.randrange(-1, 2))) for _ in range(4)]
            yield (
                turn_id,
                Judgement(
                    id=judgement_id(turn_id, judge, model, "v1"),
                    turn_id=turn_id,
                    judge=judge,
                    kind="llm",
                    model=model,
                    rubric="v1",
                    status="scored",
                    scores=Scores(
                        tool_correctness=near[0],
                        task_completion=near[1],
                        instruction_adherence=near[2],
                        efficiency=near[3],
                        overall=score,
                    ),
                    rationale=" ".join(dice.choices(WORDS, k=30)),
                    tokens_in=2_500,
                    tokens_out=300,
                    latency_ms=4_000.0,
                ).to_bytes(),
            )


def plain(root: Path) -> float:
    """Join in a dictionary: what there is to do, without anything that makes it durable."""
    began = time.perf_counter()
    windows: dict[str, list[dict[str, Any]]] = {}
    with (root / "judgements.jsonl").open("rb") as file:
        for line in file:
            judgement = orjson.loads(line)
            window = windows.setdefault(judgement["turn_id"], [])
            window.append(judgement)
            if len(window) == len(JUDGES):
                orjson.dumps(_verdict(windows.pop(judgement["turn_id"])))
    return time.perf_counter() - began


def _verdict(window: list[dict[str, Any]]) -> dict[str, Any]:
    scores = [each["scores"] for each in window]
    overall = [each["overall"] for each in scores]
    apart = max(overall) - min(overall)
    return {
        "turn_id": window[0]["turn_id"],
        "status": "ensemble_disagreement" if apart > 3 else "scored",
        "scores": {name: statistics.median(each[name] for each in scores) for name in scores[0]},
        "spread": apart,
        "opinions": window,
    }


def replay(root: Path) -> float:
    """Join as `clawback replay` does."""
    settings = settings_of(root)
    broker = EmbeddedBroker(log_path(settings), settings)
    current = edition(settings.all_panels[0], settings.judges)
    began = time.perf_counter()
    asyncio.run(join(broker, settings, current))
    seconds = time.perf_counter() - began
    broker.close()
    return seconds


def stage(root: Path, turns: int) -> dict[str, float]:
    """Join as the running line does, from the moment its worker is there to its last verdict."""
    settings = settings_of(root)
    # Another rule makes another edition, which has read nothing yet.
    (panel,) = settings.all_panels
    panel = panel.model_copy(update={"max_spread": 2.0})
    config = root / "clawback.toml"
    config.write_text(_toml(settings, panel), encoding="utf-8")
    broker = EmbeddedBroker(log_path(settings), settings)
    group = f"{broker.prefix}.ensemble.{edition(panel, settings.judges).label}"
    places = [
        (f"{broker.prefix}.{VERDICTS}", number)
        for number in range(partitions(broker, VERDICTS, settings))
    ]

    def verdicts() -> int:
        return sum(high for _, high in broker.log.bounds(places).values())

    wanted = verdicts() + turns
    command = [sys.executable, "-m", "streams.worker", "--config", str(config), "ensemble.default"]
    worker = subprocess.Popen(command)
    process, peak = psutil.Process(worker.pid), 0
    try:
        while group not in broker.log.groups():
            time.sleep(0.02)
        began = time.perf_counter()
        while verdicts() < wanted:
            if worker.poll() is not None:
                raise RuntimeError(f"the worker ended with {worker.returncode}")
            peak = max(peak, process.memory_info().rss)
            time.sleep(0.05)
        seconds, times = time.perf_counter() - began, process.cpu_times()
        return {"seconds": seconds, "cpu": times.user + times.system, "peak": peak}
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(10)
        broker.close()


def _toml(settings: Settings, panel: Panel) -> str:
    judges = "".join(
        f'[[judges]]\nkind = "ollama"\nname = "{name}"\nurl = "http://nowhere"\n'
        f'model = "model-{name}"\n'
        for name in JUDGES
    )
    return (
        f'[paths]\nhome = "{settings.paths.home}"\noutput = "{settings.paths.output}"\n{judges}'
        f'[[panels]]\nname = "default"\njudges = {json.dumps(JUDGES)}\n'
        f"quorum = {panel.quorum}\nmax_spread = {panel.max_spread}\n"
        "[calibration]\nrequired = false\n"
    )


if __name__ == "__main__":
    main()
