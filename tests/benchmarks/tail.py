"""Tailing a backlog from disk to acknowledged, beside a loop that only reads and parses it.

    python -m tests.benchmarks.tail [MEGABYTES]

Both brokers see the same files: one that acknowledges at once, which shows what the tailer itself
can do, and the embedded log with its fsync a batch. Wall time counts, so the machine should be
idle; processor time stands beside it.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import orjson

from schemas.settings import Paths, Settings
from streams.broker import open_broker
from streams.flow import Outgoing, Publisher
from streams.tail.checkpoint import Checkpoints
from streams.tail.tailer import Tailer
from tests.support.sessions import session

MEGABYTES = 300
FILES = 50
TURNS = 20
RESULT_CHARS = 6_000


class Acknowledging:
    """Takes everything and keeps nothing."""

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Acknowledge at once."""


def write_backlog(root: Path, size: int) -> None:
    """Write `size` bytes of sessions below a state directory, in `FILES` files of one length."""
    folder = root / "agents" / "main" / "sessions"
    folder.mkdir(parents=True)
    made = [session(seed, TURNS, result_chars=RESULT_CHARS).data for seed in range(FILES)]
    for number, data in enumerate(made):
        with (folder / f"session-{number}.jsonl").open("wb") as file:
            while file.tell() < size // FILES:
                file.write(data)


def parse_alone(root: Path) -> tuple[int, float]:
    """Read and parse every line; return the bytes and the seconds that took."""
    size = 0
    began = time.perf_counter()
    for path in root.glob("agents/*/sessions/*.jsonl"):
        with path.open("rb") as file:
            for line in file:
                size += len(line)
                orjson.loads(line)
    return size, time.perf_counter() - began


def tail(settings: Settings, publisher: Publisher, name: str) -> tuple[float, float]:
    """Tail everything; return the seconds by the clock, and of processor time."""
    checkpoints = Checkpoints(settings.paths.home / f"{name}.db")
    tailer = Tailer(settings, publisher, checkpoints)
    began, used = time.perf_counter(), time.process_time()
    asyncio.run(tailer.drain())
    took = time.perf_counter() - began, time.process_time() - used
    tailer.close()
    checkpoints.close()
    return took


def peak_megabytes() -> float:
    """Return the most memory this process has had resident."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def main() -> None:
    """Print the numbers."""
    size = (int(sys.argv[1]) if len(sys.argv) > 1 else MEGABYTES) * 1_000_000
    with tempfile.TemporaryDirectory(dir=".") as folder:
        root, home = Path(folder) / "openclaw", Path(folder) / "home"
        write_backlog(root, size)
        settings = Settings(paths=Paths(openclaw=(root,), home=home))
        size, plain = parse_alone(root)
        print(f"{size / 1e6:.0f} MB in {FILES} files")
        print(f"read and parse alone   {size / plain / 1e6:6.0f} MB/s")
        broker = open_broker(settings)
        broker.ensure_topics()
        for name, publisher in (("null", Acknowledging()), ("embedded", broker)):
            took, used = tail(settings, publisher, name)
            print(
                f"tail, {name:8} broker  {size / took / 1e6:6.0f} MB/s, "
                f"{size / used / 1e6:.0f} MB a second of processor time, "
                f"peak memory {peak_megabytes():.0f} MB"
            )
        broker.close()


if __name__ == "__main__":
    main()
