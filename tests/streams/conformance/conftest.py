"""Brokers to put under the suite, and what every test of it needs.

A further broker is one more parameter of `broker`; nothing in the tests knows which one it is.
"""

import asyncio
import importlib.util
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import faust
import pytest

from streams.embedded.log import Log

_WORKER = Path(__file__).with_name("worker.py")


def _beside(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(
        f"conformance_{name}", Path(__file__).with_name(f"{name}.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


worker = _beside("worker")
KafkaBroker = _beside("kafka").KafkaBroker


class Broker(Protocol):
    """What the suite asks of a broker beside what it does through Faust."""

    url: str
    scope: str
    """What the ids of apps begin with, so that groups of one test are not those of another."""

    shares_partitions: bool
    """Whether the members of a group share its partitions; if not, one is active at a time."""

    restart_within: float
    """Seconds until a worker reads again that was killed and started anew."""

    takeover_within: float
    """Seconds until another worker reads what one that was killed had."""

    def create_topic(self, name: str, partitions: int) -> None: ...

    def high_water(self, topic: str, partition: int) -> int: ...

    def committed(self, group: str, topic: str, partition: int) -> int | None: ...

    def offset_for_time(self, topic: str, partition: int, time_ms: int) -> int | None: ...


class EmbeddedBroker:
    """A new log in a folder of its own."""

    scope = ""
    shares_partitions = False
    restart_within = 3.0
    takeover_within = 5.0

    def __init__(self, folder: Path) -> None:
        self.url = f"embedded://{folder}/log.db?synchronous=normal"
        self._log = Log.from_url(self.url)

    def create_topic(self, name: str, partitions: int) -> None:
        self._log.create_topic(name, partitions)

    def high_water(self, topic: str, partition: int) -> int:
        return self._log.high_water(topic, partition)

    def committed(self, group: str, topic: str, partition: int) -> int | None:
        return self._log.committed(group, [(topic, partition)])[topic, partition]

    def offset_for_time(self, topic: str, partition: int, time_ms: int) -> int | None:
        return self._log.offset_for_time(topic, partition, time_ms)

    def close(self) -> None:
        self._log.close()


@pytest.fixture(params=["embedded", "kafka"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    broker: Any
    if request.param == "kafka":
        broker = KafkaBroker(request.getfixturevalue("kafka").url)
    else:
        broker = EmbeddedBroker(tmp_path / "broker")
    broker.create_topic("in", 4)
    yield broker
    broker.close()


@dataclass
class Seen:
    """Events an agent has had, and how to wait for more of them."""

    events: list[Any] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def add(self, event: Any) -> None:
        async with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    async def wait_for(self, count: int) -> list[Any]:
        async with asyncio.timeout(15), self._changed:
            await self._changed.wait_for(lambda: len(self.events) >= count)
        return self.events

    @property
    def places(self) -> list[tuple[int, int]]:
        return [(event.message.partition, event.message.offset) for event in self.events]

    @property
    def values(self) -> list[bytes]:
        return [event.value for event in self.events]


class Apps:
    """Makes apps on one broker; stops at the end what a test has started."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        self._broker = broker
        self.folder = folder
        self._running: list[faust.App] = []

    def new(self, name: str = "app", **settings: Any) -> faust.App:
        app: faust.App = worker.make_app(
            self._broker.url,
            self._broker.scope + name,
            self.folder / name,
            broker_commit_interval=0.1,
            **settings,
        )
        return app

    def topic(self, app: faust.App, name: str) -> Any:
        return worker.raw_topic(app, name)

    def reader(self, app: faust.App, topic: str = "in") -> Seen:
        """An agent that notes what it gets."""
        seen = Seen()

        @app.agent(self.topic(app, topic))
        async def note(stream: faust.StreamT) -> None:
            async for event in stream.events():
                await seen.add(event)

        return seen

    @asynccontextmanager
    async def running(self, app: faust.App) -> AsyncIterator[faust.App]:
        """The app, started and through with recovery."""
        async with asyncio.timeout(30):
            await app.start()
        try:
            yield app
        finally:
            await app.stop()

    @asynccontextmanager
    async def sender(self) -> AsyncIterator[faust.App]:
        """An app that only sends."""
        app = self.new("sender")
        app.producer_only = True
        await app.start()
        try:
            yield app
        finally:
            await app.stop()


@pytest.fixture
def apps(broker: Broker, tmp_path: Path) -> Apps:
    return Apps(broker, tmp_path / "data")


async def _eventually(holds: Callable[[], bool], within: float = 10.0) -> None:
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end, "did not come true in time"
        await asyncio.sleep(0.01)


@pytest.fixture
def eventually() -> Callable[..., Awaitable[None]]:
    return _eventually


class Worker:
    """A `worker.py` process and the lines it prints."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self, kind: str) -> list[str]:
        """The words of its next line of this kind; lines of other kinds are passed over."""
        assert self._process.stdout is not None
        async with asyncio.timeout(30):
            while words := (await self._process.stdout.readline()).decode().split():
                if words[0] == kind:
                    return words[1:]
        raise AssertionError(f"ended without a line of kind {kind}")

    async def kill(self) -> list[str]:
        """SIGKILL it; what it had printed and nobody has read."""
        assert self._process.stdout is not None
        with suppress(ProcessLookupError):
            self._process.kill()
        rest = await self._process.stdout.read()
        await self._process.wait()
        return rest.decode().splitlines()


@pytest.fixture
async def start(broker: Broker, tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Worker]]]:
    """Start a worker: its role, its group, and its data folder if not one of its own."""
    workers: list[Worker] = []

    async def start_worker(role: str, name: str, folder: str | None = None) -> Worker:
        path = tmp_path / "data" / (folder or f"{name}-{len(workers)}")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(_WORKER), role, broker.url, broker.scope + name, str(path)),
            stdout=asyncio.subprocess.PIPE,
            limit=16 * 1024 * 1024,
        )
        workers.append(Worker(process))
        return workers[-1]

    yield start_worker
    for each in workers:
        await each.kill()
