"""The tailer as it runs: with real notifications, without any, and killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import orjson
import pytest

from tests.streams.tail.world import SESSION, World, line, lines


async def until(true: Callable[[], bool], seconds: float = 10.0) -> float:
    """Wait until it is true; return how long that took."""
    start = time.perf_counter()
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)
    return time.perf_counter() - start


@asynccontextmanager
async def running(world: World) -> AsyncIterator[None]:
    task = asyncio.create_task(world.tailer.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        world.close()


def add(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


async def test_a_notification_brings_a_line_long_before_the_rescan(tmp_path: Path) -> None:
    world = World(tmp_path, rescan=30).make()
    add(world.file, lines(0))
    async with running(world):
        await until(lambda: world.broker.lines() == [0])
        took = []
        for number in range(1, 21):
            await asyncio.sleep(0.01)
            add(world.file, lines(number))
            took.append(await until(lambda number=number: number in world.broker.lines()))  # type: ignore[misc]
        assert sorted(took)[10] < 0.05
        other = world.root / "agents" / "other" / "sessions" / "new.jsonl"
        other.parent.mkdir(parents=True)
        await asyncio.sleep(0.2)
        add(other, lines(100))
        await until(lambda: 100 in world.broker.lines())
        world.file.rename(f"{world.file}.reset.2026-11-22T18-58-41.591Z")
        add(world.file, lines(101))
        await until(lambda: 101 in world.broker.lines())
    assert ("ended", None) in world.broker.said()


async def test_heartbeats_taken_back_at_once_cost_no_line(tmp_path: Path) -> None:
    world = World(tmp_path, rescan=0.2).make()
    async with running(world):
        for number in range(60):
            add(world.file, lines(number))
            size = world.file.stat().st_size
            add(world.file, line('"heartbeat"', 500) + line('"ok"', 80))
            await asyncio.sleep(0.002 * (number % 7))
            os.truncate(world.file, size)
        await until(lambda: set(range(60)) <= set(world.broker.lines()))
    said = [n for n in world.broker.lines() if isinstance(n, int)]
    first = list(dict.fromkeys(said))
    assert first == list(range(60))
    assert not world.broker.letters


async def test_rescans_do_without_notifications(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def none_left(*_: object, **__: object) -> None:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr("watchdog.observers.api.BaseObserver.schedule", none_left)
    world = World(tmp_path, rescan=0.1)
    async with running(world):
        await asyncio.sleep(0.15)
        world.make()
        add(world.file, lines(1))
        await until(lambda: world.broker.lines() == [1])
        add(world.file, lines(2))
        await until(lambda: world.broker.lines() == [1, 2])
    said = [record.getMessage() for record in caplog.records if "watch" in record.getMessage()]
    assert len(said) == 1
    assert "rescans alone" in said[0]


async def test_quiet_comes_when_it_is_due_and_not_at_the_next_rescan(tmp_path: Path) -> None:
    world = World(tmp_path, rescan=30, quiet=0.3, abandoned=0.6).make()
    world.tailer._clock = time.time
    add(world.file, lines(1))
    async with running(world):
        took = await until(lambda: len(world.broker.said()) == 3)
    assert world.broker.said() == [1, ("quiet", 0.3), ("quiet", 0.6)]
    assert took < 2


KILLED = """
import asyncio, os, sys
from pathlib import Path
from streams.tail.checkpoint import Checkpoints
from streams.tail.tailer import Tailer
from schemas.settings import Settings
class Broker:
    def __init__(self):
        self.file = os.open(sys.argv[1] + "/broker", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    async def publish(self, records):
        for record in records:
            os.write(self.file, record.value + b"\\n")
            await asyncio.sleep(0)
settings = Settings(
    paths={"openclaw": [sys.argv[1] + "/openclaw"], "home": sys.argv[1] + "/home"},
    tail={"rescan": "50ms"},
)
checkpoints = Checkpoints(Path(sys.argv[1]) / "home" / "tail.db")
asyncio.run(Tailer(settings, Broker(), checkpoints).run())
"""


def test_killed_at_any_moment_it_loses_no_line(tmp_path: Path) -> None:
    sessions = tmp_path / "openclaw" / "agents" / "main" / "sessions"
    sessions.mkdir(parents=True)
    file = sessions / f"{SESSION}.jsonl"
    count = 0
    broker = tmp_path / "broker"
    for pause in (0.5, 0.25, 0.6, 0.4, 0.7):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)])
        try:
            end = time.monotonic() + pause
            while time.monotonic() < end:
                add(file, lines(*range(count, count + 200)))
                count += 200
                time.sleep(0.01)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)])
    try:
        end = time.monotonic() + 20
        last = b'"n":%d,' % (count - 1)
        while time.monotonic() < end and not (broker.exists() and last in broker.read_bytes()):
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()
    # A record cut by the kill was never acknowledged.
    got = []
    for text in broker.read_bytes().split(b"\n"):
        with suppress(orjson.JSONDecodeError):
            record = orjson.loads(text)
            if record["kind"] == "line":
                got.append(record["entry"]["n"])
    assert list(dict.fromkeys(got)) == list(range(count))
