"""Workers of one stage that share its partitions, and die."""

import asyncio
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from streams.broker import Broker, open_broker
from streams.flow import Outgoing
from tests.streams.kafka.worker import make_settings
from tests.support.kafka import KafkaProcess

WORKER = Path(__file__).with_name("worker.py")
KEYS = 40


class Worker:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self, kind: str, within: float = 30) -> list[str]:
        """The words of its next line of this kind; others are passed over."""
        assert self._process.stdout is not None
        async with asyncio.timeout(within):
            while words := (await self._process.stdout.readline()).decode().split():
                if words[0] == kind:
                    return words[1:]
        raise AssertionError(f"ended without a line of kind {kind}")

    async def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


class Line:
    """A topic with what goes in, and the stage's workers on it."""

    def __init__(self, kafka: KafkaProcess, home: Path) -> None:
        self._arguments = (kafka.url, f"w{uuid.uuid4().hex[:8]}", str(home))
        self.broker: Broker = open_broker(
            make_settings(self._arguments[0], self._arguments[1], home)
        )
        self.broker.ensure_topics()
        self.sent = 0
        self.workers: list[Worker] = []

    async def start(self) -> Worker:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(WORKER), *self._arguments), stdout=asyncio.subprocess.PIPE
        )
        self.workers.append(Worker(process))
        return self.workers[-1]

    async def send(self, count: int) -> None:
        numbers = range(self.sent, self.sent + count)
        for start in range(0, count, 100):
            await self.broker.publish(
                [
                    Outgoing("turns", b"k%d" % (number % KEYS), b"%d" % number)
                    for number in numbers[start : start + 100]
                ]
            )
        self.sent += count

    def expected(self) -> set[bytes]:
        """What comes out of an undisturbed run."""
        return {b"k%d %d %d" % (n % KEYS, n // KEYS + 1, n) for n in range(self.sent)}

    async def results(self) -> list[bytes]:
        found: list[bytes] = []
        for partition in range(4):
            at, end = 0, await self.broker.end("candidates", partition)
            while records := await self.broker.read("candidates", partition, at, end):
                found += [record.value or b"" for record in records]
                at = records[-1].offset + 1
        return found

    async def finished(self, within: float = 40) -> list[bytes]:
        """All results, once there are as many different ones as went in."""
        async with asyncio.timeout(within):
            while True:
                found = await self.results()
                if len(set(found)) >= self.sent:
                    return found
                await asyncio.sleep(0.1)


@pytest.fixture
async def line(kafka: KafkaProcess, tmp_path: Path) -> AsyncIterator[Line]:
    line = Line(kafka, tmp_path / "home")
    yield line
    for worker in line.workers:
        await worker.kill()
    line.broker.close()


async def test_partitions_that_move_away_and_come_back_keep_their_tables(line: Line) -> None:
    first = await line.start()
    assert await first.line("seat") == ["0"]
    assert await first.line("assigned") == ["0", "1", "2", "3"]
    await line.send(1000)
    await line.finished()

    second = await line.start()
    assert await second.line("seat") == ["1"]
    mine = await second.line("assigned")
    assert len(mine) == 2
    assert len(await first.line("assigned")) == 2
    # The second has no table of these yet, and makes it from the topic.
    await line.send(1000)
    await line.finished()

    await first.kill()
    await line.send(1000)
    while len(await second.line("assigned")) < 4:
        continue
    await line.finished()

    again = await line.start()
    # It sits where the one that died sat, with a table that lacks what was done meanwhile.
    assert await again.line("seat") == ["0"]
    while len(await again.line("assigned")) != 2:
        continue
    await line.send(1000)
    found = await line.finished()
    assert set(found) == line.expected()


async def test_a_worker_killed_in_the_middle_leaves_no_trace(line: Line) -> None:
    workers = [await line.start(), await line.start()]
    for worker in workers:
        await worker.line("assigned")
    for _ in range(3):
        sending = asyncio.create_task(line.send(3000))
        await workers[0].line("got")
        await workers[0].kill()
        await sending
        workers = [workers[1], await line.start()]
    found = await line.finished(60)
    assert set(found) == line.expected()


async def test_a_killed_worker_is_soon_working_again(
    line: Line, record_property: Callable[[str, object], None]
) -> None:
    worker = await line.start()
    await line.send(500)
    await worker.line("got")
    await line.finished()
    await worker.kill()
    await line.send(100)
    killed = time.monotonic()
    await (await line.start()).line("got")
    took = time.monotonic() - killed
    record_property("seconds", took)
    print(f"working again after {took:.2f} s")
    assert took < 15
    places = [("turns", partition) for partition in range(4)]
    async with asyncio.timeout(15):
        while True:
            offsets = (await line.broker.committed("numbering", places)).values()
            if sum(offset or 0 for offset in offsets) == 600:
                break
            await asyncio.sleep(0.1)
    found = await line.finished()
    assert set(found) == line.expected()
