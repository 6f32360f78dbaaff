"""The whole line on the embedded broker: throughput, latency, memory, and what it costs at rest.

Beside the throughput, in the same run: the same decisions as plain function calls in one process
on one core, without a broker, files or processes. That is what there is to do.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import psutil

from agents.ensemble import Ensemble
from agents.extract import Extractor
from agents.judges.signals import SignalsJudge
from agents.prefilter import Prefilter
from schemas import Entry, Judgement, Origin, Reaction, Turn, line_id
from schemas.settings import Settings
from schemas.table import MemoryTable
from streams.embedded.log import Log
from tests.support.sessions import Session, session, work

TURNS_A_SESSION = 50
OLD = 1_770_000_000
"""When the backlog's files were last written (epoch seconds), so that their sessions are over."""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument("--lines", type=int, default=40)
    parser.add_argument("--rest", type=float, default=20.0, help="seconds to be idle")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        throughput(Path(folder), options.sessions)
    with tempfile.TemporaryDirectory() as folder:
        latency_and_rest(Path(folder), options.lines, options.rest)


def throughput(root: Path, sessions: int) -> None:
    """Measure a backlog from its first entry to its last verdict, by the broker's own times."""
    made = [session(seed, TURNS_A_SESSION) for seed in range(sessions)]
    turns = sum(one.turns for one in made)
    folder = _sessions_folder(root)
    for one in made:
        path = folder / f"{one.id}.jsonl"
        path.write_bytes(one.data)
        os.utime(path, (OLD, OLD))
    alone = turns / plain(made)
    with line(root) as (log, process):
        peak = 0
        while _count(log, "verdicts") < turns:
            peak = max(peak, _memory(process))
            time.sleep(0.2)
        first = min(_times(log, "entries", 0))
        last = max(_times(log, "verdicts", -1))
        rate = turns / ((last - first) / 1000)
        began = time.perf_counter()
        while _lines_with_verdicts(root) < turns:
            time.sleep(0.2)
        files = time.perf_counter() - began
    size = sum(len(one.data) for one in made) / 1e6
    print(f"backlog: {turns} turns in {sessions} sessions, {size:.0f} MB")
    print(f"  decisions alone, one core   {alone:7.0f} turns/s")
    print(f"  the line, entry to verdict  {rate:7.0f} turns/s   ratio {rate / alone:.2f}")
    print(f"  turn files complete {files:.1f} s after the last verdict was seen")
    print(f"  peak resident memory of all processes {peak / 1e6:.0f} MB")


def latency_and_rest(root: Path, lines: int, rest: float) -> None:
    """Measure how soon appended lines arrive, and what the line costs when nothing happens."""
    folder = _sessions_folder(root)
    live = Session("11111111-0000-4000-8000-000000000000", int(time.time() * 1000) - 3_600_000)
    path = folder / f"{live.id}.jsonl"
    with line(root) as (log, process):
        path.write_bytes(live.data)
        entry_ms, verdict_ms = [], []
        dice = random.Random(1)
        live.user("is the car charged?")
        for number in range(lines + 1):
            work(dice, live, 300)
            _append(path, live)
            _wait_for_entries(log, len(live.lines))
            # The next message closes the turn: from there on the line has something to do.
            live.user("and what is in my inbox today?")
            before = _count(log, "verdicts")
            at = time.time()
            _append(path, live)
            _wait_for_entries(log, len(live.lines))
            entry = max(_times(log, "entries", -1)) - at * 1000
            while _count(log, "verdicts") == before:
                time.sleep(0.002)
            if number:
                # While the first one came, the stages were still being started.
                entry_ms.append(entry)
                verdict_ms.append(max(_times(log, "verdicts", -1)) - at * 1000)
        print(f"live: {lines} turns, one after the other")
        for what, values in (("line to entries", entry_ms), ("line to verdict", verdict_ms)):
            high = statistics.quantiles(values, n=20)[-1]
            print(f"  {what:16}  median {statistics.median(values):5.0f} ms   p95 {high:5.0f} ms")
        time.sleep(5)
        processes = [process, *process.children(recursive=True)]
        began, used = time.perf_counter(), _cpu(processes)
        time.sleep(rest)
        share = (_cpu(processes) - used) / (time.perf_counter() - began)
        print(f"at rest, over {rest:.0f} s, {len(processes)} processes")
        print(f"  {100 * share:.2f} % of one core, {_memory(process) / 1e6:.0f} MB resident")


def plain(made: list[Session]) -> float:
    """Return the seconds of the same decisions as function calls."""
    settings = Settings()
    extractor, prefilter = Extractor(), Prefilter()
    judges = [SignalsJudge(judge) for judge in settings.judges if judge.kind == "signals"]
    ensemble = Ensemble(settings.all_panels[0])
    table, seen, windows = MemoryTable(), MemoryTable(), MemoryTable()
    began = time.perf_counter()
    for one in made:
        for entry in _entries(one):
            for found in extractor.apply_record(entry, table):
                if isinstance(found, Reaction) or not isinstance(found, Turn):
                    continue
                turn = Turn.from_bytes(found.to_bytes())
                decision = prefilter.apply(turn, seen)
                if isinstance(decision, Turn):
                    for judge in judges:
                        value = judge.judge_now(turn, turn.reaction).to_bytes()
                        for verdict in ensemble.apply(Judgement.from_bytes(value), 0, windows):
                            verdict.to_bytes()
    return time.perf_counter() - began


def _entries(one: Session) -> Iterator[dict[str, object]]:
    offset = 0
    for raw in one.lines:
        origin = Origin(agent="main", session=one.id, file=one.id, inode=1, offset=offset)
        offset += len(raw) + 1
        parsed = orjson.loads(raw)
        yield Entry(id=line_id(one.id, raw), kind="line", origin=origin, entry=parsed).model_dump(
            by_alias=True
        )
    origin = Origin(agent="main", session=one.id, file=one.id, inode=1, offset=offset)
    yield Entry(id="end", kind="ended", origin=origin).model_dump(by_alias=True)


@contextmanager
def line(root: Path) -> Iterator[tuple[Log, psutil.Process]]:
    """Run `clawback run` below a directory."""
    environment = os.environ | {
        "CLAWBACK_CONFIG": "",
        "CLAWBACK_PATHS__OPENCLAW": str(root / "openclaw"),
        "CLAWBACK_PATHS__HOME": str(root / "home"),
        "CLAWBACK_PATHS__OUTPUT": str(root / "output"),
    }
    command = [str(Path(sys.executable).with_name("clawback")), "run", "--quiet"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as child:
        path = root / "home" / "log" / "clawback.db"
        while not path.exists():
            if child.poll() is not None:
                raise RuntimeError(f"clawback run ended with {child.returncode}")
            time.sleep(0.05)
        log = Log(path)
        try:
            yield log, psutil.Process(child.pid)
        finally:
            child.send_signal(signal.SIGINT)
            child.wait(30)
            log.close()


def _sessions_folder(root: Path) -> Path:
    folder = root / "openclaw" / "agents" / "main" / "sessions"
    folder.mkdir(parents=True)
    return folder


def _append(path: Path, live: Session) -> None:
    written = path.stat().st_size
    with path.open("ab") as file:
        file.write(live.data[written:])


def _wait_for_entries(log: Log, count: int) -> None:
    while _count(log, "entries") < count:
        time.sleep(0.002)


def _count(log: Log, topic: str) -> int:
    name = f"clawback.{topic}"
    found = log.topic(name)
    if found is None:
        return 0
    return sum(log.high_water(name, number) for number in range(found.partitions))


def _times(log: Log, topic: str, at: int) -> list[int]:
    """Return the times of the first (0) or last (-1) record of each partition."""
    name = f"clawback.{topic}"
    found = []
    for number in range(log.partitions(name)):
        low, high = log.bounds([(name, number)])[name, number]
        if high > low:
            (record,) = log.read(name, number, low if at == 0 else high - 1, max_records=1)
            found.append(record.time_ms)
    return found


def _lines_with_verdicts(root: Path) -> int:
    return sum(
        file.read_bytes().count(b'"panel":"')
        for file in (root / "output" / "turns").glob("*.jsonl")
    )


def _memory(process: psutil.Process) -> int:
    total = 0
    for each in [process, *process.children(recursive=True)]:
        try:
            total += each.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def _cpu(processes: list[psutil.Process]) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in processes)


if __name__ == "__main__":
    main()
