"""``python -m tests.faults.judgekills --kills 100``: SIGKILL to a judge's stage at random moments.

The judge's machine is a fake one that outlives the kills and remembers every question and every
answer it has given to the end. Afterwards each turn must have exactly one judgement on the topic.
An answer is paid for twice only if it had left the machine and not yet been written down by the
stage when the stage was killed; how long before the kill that was is told.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson

from agents.judges.fake import FakeJudge, Mix
from schemas.settings import Broker, Paths, Settings
from streams.broker import EmbeddedBroker, log_path
from streams.flow import Outgoing
from tests.agents.conftest import build

CONCURRENCY = 4
SECONDS = 0.05
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it.

    `lost` turns have no judgement and `doubled` ones have several. `interrupted` questions were
    with the machine when their asker was killed. `again` tells of each answer that was given a
    second time how many seconds before the kill it had been given for the first time.
    """

    turns: int
    kills: int
    lost: int
    doubled: int
    asked: int
    interrupted: int
    again: tuple[float, ...]

    def __str__(self) -> str:
        late = f", at most {max(self.again) * 1000:.1f} ms before a kill" if self.again else ""
        return (
            f"{self.kills} kills over {self.turns} turns: {self.lost} lost, {self.doubled} judged "
            f"twice; {self.asked} questions, {self.interrupted} of them interrupted by a kill, "
            f"{len(self.again)} answers given again that had just left the machine{late}"
        )


class Remembering(FakeJudge):
    """Notes when the answer to which turn was begun with, and given."""

    def __init__(self, *args: Any, **fields: Any) -> None:
        super().__init__(*args, **fields)
        self.given: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
        self.begun: Counter[str] = Counter()

    async def _infer(self, path: str, body: Mapping[str, Any]) -> bytes | None:
        turn = body["messages"][-1]["content"].partition("| turn ")[2].partition("\n")[0]
        self.begun[turn] += 1
        began = time.monotonic()
        answer = await super()._infer(path, body)
        self.given[turn].append((began, time.monotonic()))
        return answer


class Victim:
    """The judge's stage in a process of its own."""

    def __init__(self, home: Path, url: str) -> None:
        judge = {"kind": "ollama", "name": "llm", "url": url, "model": "fake-judge"}
        self._environment = {
            **{name: value for name, value in os.environ.items() if "CLAWBACK_" not in name},
            "CLAWBACK_CONFIG": "",
            "CLAWBACK_PATHS__HOME": str(home),
            "CLAWBACK_BROKER__PARTITIONS": "2",
            "CLAWBACK_JUDGES": json.dumps([{**judge, "concurrency": CONCURRENCY}]),
        }
        self._said = home / "said.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        with self._said.open("ab") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "streams.worker", "judge.llm"],
                env=self._environment,
                stdout=said,
                stderr=said,
            )

    def kill(self) -> float:
        """SIGKILL; return when that was."""
        assert self._process is not None
        self._process.kill()
        at = time.monotonic()
        self._process.wait()
        return at


async def run(home: Path, kills: int, seed: int = 0, turns: int = 0) -> Report:
    """Kill the stage so many times while it judges, let it finish, and count."""
    dice = random.Random(seed)
    turns = turns or 30 * kills + 50
    settings = Settings(paths=Paths(home=home), broker=Broker(partitions=2))
    broker = EmbeddedBroker(log_path(settings), settings)
    broker.ensure_topics()
    made = [build(f"turn {n}", asked_ms=1_795_000_000_000 + n * 1000) for n in range(turns)]
    await broker.publish([Outgoing("candidates", t.id.encode(), t.to_bytes()) for t in made])
    moments: list[float] = []
    async with Remembering(Mix(seconds=SECONDS, spread=0.5, seed=seed)) as machine:
        victim = Victim(home, machine.url)
        for _ in range(kills):
            asked = machine.count
            victim.start()
            await _until(lambda asked=asked: machine.count > asked)  # type: ignore[misc]
            await asyncio.sleep(dice.uniform(0.0, 0.7))
            moments.append(await asyncio.to_thread(victim.kill))
        victim.start()
        judged: Counter[str] = Counter()
        async with asyncio.timeout(PATIENCE + turns * SECONDS):
            while len(judged := await _judged(broker)) < turns:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        # Whatever would be judged twice has time to be.
        await asyncio.sleep(1.0)
        judged = await _judged(broker)
        await asyncio.to_thread(victim.kill)
        # The machine goes on with a question whose asker has died; that answer reached nobody.
        again = tuple(
            min(between)
            for times in machine.given.values()
            for (began, first), (_, second) in pairwise(times)
            if not any(began <= at < first for at in moments)
            and (between := [at - first for at in moments if first <= at < second])
        )
        broker.close()
        return Report(
            turns=turns,
            kills=kills,
            lost=sum(judged[turn.id] == 0 for turn in made),
            doubled=sum(count > 1 for count in judged.values()),
            asked=machine.begun.total(),
            interrupted=machine.begun.total() - turns - len(again),
            again=again,
        )


async def _judged(broker: EmbeddedBroker) -> Counter[str]:
    """Return how many judgements each turn has."""
    found: Counter[str] = Counter()
    for partition in range(2):
        start, stop = 0, await broker.end("judgements", partition)
        while records := await broker.read("judgements", partition, start, stop):
            found.update(orjson.loads(record.value or b"")["turn_id"] for record in records)
            start = records[-1].offset + 1
    return found


async def _until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not met():  # noqa: ASYNC110 - what is waited for happens elsewhere
            await asyncio.sleep(0.005)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report; 1 where a judgement was lost or made twice."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.judgekills", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="clawback-kills-", ignore_cleanup_errors=True) as name:
        report = asyncio.run(run(Path(name), options.kills, options.seed))
    print(report)
    return 1 if report.lost or report.doubled else 0


if __name__ == "__main__":
    sys.exit(main())
