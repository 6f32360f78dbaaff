"""Verdicts to pairs and a snapshot, in one pass over the topics.

``python -m tests.benchmarks.pairs --verdicts 1000000``: a log is filled with that many turns and
verdicts, then a process of its own makes the snapshot. Told are verdicts a second from the topics
to the finished snapshot, the same by CPU time (what counts on a machine that others use, too), that
for each part of the way, and the peak of resident memory. Two sizes are run, so that memory that
grows with their number shows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import orjson

from schemas.settings import Settings
from streams.broker import open_broker
from streams.flow import Outgoing
from streams.stages.sinks import asks_again, panel_label

TARGET = 5_000
START_MS = 1_772_000_000_000
WORDS = [f"{a}{b}" for a in "ba be bi bo bu da de di do du".split() for b in range(300)]  # noqa: SIM905
TOOLS = ("exec", "read", "write", "web_search", "calendar")
TURNS_A_SESSION = 20
SCORES = (1, 2, 3, 4, 5, 6, 7, 7, 8, 8, 8, 9, 9)


def main() -> int:
    """Run the benchmark and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verdicts", type=int, default=20_000)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.home:
        print(json.dumps(measure(arguments.home, arguments.verdicts)))
        return 0
    slow = False
    for count in (max(1, arguments.verdicts // 4), arguments.verdicts):
        with tempfile.TemporaryDirectory() as home:
            began = time.perf_counter()
            size = asyncio.run(fill(Path(home), count))
            print(
                f"{count} turns with verdicts, {size / 1e6:.0f} MB, made in "
                f"{time.perf_counter() - began:.0f} s",
                flush=True,
            )
            command = [sys.executable, "-m", "tests.benchmarks.pairs", "--home", home]
            done = subprocess.run(
                [*command, "--verdicts", str(count)], check=True, capture_output=True, text=True
            )
            found = json.loads(done.stdout.splitlines()[-1])
        slow = found["rate"] < TARGET
        print(
            f"  {found['rate']:.0f} verdicts/s (target {TARGET}), by CPU time "
            f"{found['cpu_rate']:.0f}/s: "
            + ", ".join(f"{part} {rate:.0f}/s" for part, rate in found["parts"].items())
            + f"; peak {found['peak_mb']:.0f} MB\n  {found['rows']}",
            flush=True,
        )
    return int(slow)


def measure(home: Path, count: int) -> dict[str, object]:
    """Make a snapshot of what is in a home's topics."""
    from sinks.bulk import make_pairs
    from sinks.dataset.build import build
    from sinks.dataset.counts import Counts
    from streams.pairs.crew import Crew
    from streams.pairs.gather import gather, lineage, scratch

    settings = settings_of(home)
    label = panel_label(settings)
    broker = open_broker(settings)
    began, times = time.perf_counter(), [time.process_time()]
    with scratch(settings) as read, Crew() as crew:
        gather(broker, settings, read, crew)
        times.append(time.process_time())
        make_pairs(label, settings.pairs, asks_again, read.table, read.tick, crew)
        times.append(time.process_time())
        made = build(
            read.table, home / "snapshots", label, settings.pairs, lineage(broker, read),
            Counts(), read.tick, crew,
        )  # fmt: skip
        times.append(time.process_time())
    broker.close()
    parts = ("reading", "pairing", "writing")
    spent = [after - before for before, after in pairwise(times)]
    return {
        "rate": count / (time.perf_counter() - began),
        "cpu_rate": count / (times[-1] - times[0]),
        "parts": {part: count / each for part, each in zip(parts, spent, strict=True)},
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "rows": made.counts["rows"],
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
    for turn, turn_id, verdict in records(count, panel, edition):
        batch.append(Outgoing("turns", turn_id, turn))
        batch.append(Outgoing("verdicts", turn_id, verdict))
        size += len(turn) + len(verdict)
        if len(batch) >= 5_000:
            await broker.publish(batch)
            batch.clear()
    await broker.publish(batch)
    broker.close()
    return size


def records(count: int, panel: str, edition: str) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield turns, their ids and their verdicts. One request in four was asked before, one bad
    turn in three is complained about, and the next does it again."""
    dice = random.Random(7)
    asked: list[str] = []
    complaint = None
    for number in range(count):
        turn_id = f"{random.Random(number).getrandbits(128):032x}"
        request = dice.choice(asked) if asked and dice.random() < 0.25 else words(dice, 9)
        if complaint:
            request = complaint
        elif len(asked) < 5_000:
            asked.append(request)
        else:
            asked[dice.randrange(5_000)] = request
        score = dice.choice(SCORES)
        at_ms = START_MS + number * 60_000
        complaint = f"no, that's wrong, {request}" if score < 5 and dice.random() < 0.3 else None
        yield (
            orjson.dumps(a_turn(dice, number, turn_id, request, at_ms, complaint)),
            turn_id.encode(),
            orjson.dumps(a_verdict(turn_id, score, panel, edition)),
        )


def a_turn(
    dice: random.Random, number: int, turn_id: str, request: str, at_ms: int, complaint: str | None
) -> dict[str, object]:
    """Return a turn of two calls and an answer, 1.8 kB long."""
    steps: list[dict[str, object]] = []
    for step in range(2):
        name = dice.choice(TOOLS)
        arguments = {"command": words(dice, 3), "path": f"{dice.choice(WORDS)}.txt"}
        call = {"id": f"c{step}", "name": name, "arguments": arguments}
        steps.append({"role": "assistant", "calls": [call], "stop_reason": "toolUse"})
        failed = dice.random() < 0.1
        result = {"role": "tool", "call_id": f"c{step}", "name": name, "is_error": failed}
        steps.append(result | {"text": words(dice, 40)})
    steps.append({"role": "assistant", "text": words(dice, 20), "stop_reason": "stop"})
    session = f"s{number // TURNS_A_SESSION}"
    reaction = {"id": f"r{number}", "turn_id": turn_id, "text": complaint, "at_ms": at_ms + 60_000}
    return {
        "schema": 1,
        "id": turn_id,
        "agent": "main",
        "session": session,
        "request": request,
        "request_raw": request,
        "context": [{"role": "assistant", "text": words(dice, 40)}],
        "steps": steps,
        "answer": "",
        "started_ms": at_ms,
        "ended_ms": at_ms + 5_000,
        "place": {"file": f"{session}.jsonl", "first_offset": number, "last_offset": number},
        "closed_by": "user" if complaint else "quiet",
        "reaction": reaction if complaint else None,
    }


def a_verdict(turn_id: str, score: int, panel: str, edition: str) -> dict[str, object]:
    """Return a verdict of three judges, 1.2 kB long."""
    names = ("tool_correctness", "task_completion", "instruction_adherence", "efficiency")
    scores = dict.fromkeys((*names, "overall"), score)
    opinions = [
        {
            "judge": judge,
            "kind": "llm",
            "model": f"{judge}:70b",
            "rubric": "v1",
            "status": "scored",
            "scores": scores,
            "rationale": "The calls do what was asked, and the answer says what they found.",
        }
        for judge in ("llama", "minimax", "nemotron")
    ]
    return {
        "schema": 1,
        "id": turn_id,
        "turn_id": turn_id,
        "panel": panel,
        "edition": edition,
        "status": "scored",
        "scores": scores,
        "spread": 0.0,
        "opinions": opinions,
    }


def words(dice: random.Random, count: int) -> str:
    """Return some words."""
    return " ".join(dice.choices(WORDS, k=count))


if __name__ == "__main__":
    sys.exit(main())
