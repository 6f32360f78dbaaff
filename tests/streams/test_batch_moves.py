"""A partition that was with another worker for a while, and comes back."""

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from schemas.settings import Broker, Paths, Settings
from schemas.table import Table
from streams.batch import BEHIND, BatchStage
from streams.broker import EmbeddedBroker, open_broker
from streams.flow import Incoming, Outgoing


class Windows:
    """A record "open" opens a window that is overdue, a record "close" closes it."""

    def apply(self, record: Incoming, table: Table) -> Iterable[Outgoing]:
        assert record.key is not None
        if record.value == b"open":
            table.put(record.key.decode(), b"")
        else:
            table.delete(record.key.decode())
        return []

    def next_due(self, table: Table) -> int | None:
        return next((1 for _ in table.scan("")), None)

    def due(self, now_ms: int, table: Table) -> Iterable[Outgoing]:  # noqa: ARG002
        for key, _ in list(table.scan("")):
            table.delete(key)
            yield Outgoing("verdicts", key.encode(), b"closed by the clock")


class Line:
    def __init__(self, home: Path) -> None:
        settings = Settings(paths=Paths(home=home), broker=Broker(partitions=1))
        broker = open_broker(settings)
        assert isinstance(broker, EmbeddedBroker)
        self.broker = broker
        broker.ensure_topics()
        self.stage = BatchStage(
            "windows", ["judgements"], "1", Windows(), settings, broker, group="windows.second"
        )
        self.clock = self.stage._handler

    async def come(self, *records: tuple[bytes, bytes]) -> None:
        await self.broker.publish([Outgoing("judgements", *record) for record in records])

    async def handle(self, start: int, stop: int) -> None:
        await self.stage._handle(await self.broker.read("judgements", 0, start, stop))

    async def tick(self) -> float | None:
        assert isinstance(self.clock, Windows)
        return await self.stage._close(self.clock, 0)

    async def closed(self) -> list[bytes]:
        found = await self.broker.read("verdicts", 0, 0, await self.broker.end("verdicts", 0))
        return [record.key or b"" for record in found]


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    line = Line(tmp_path)
    line.stage._opened = await line.stage._open()
    yield line
    line.stage.store.close()
    line.broker.close()


def committed_at(line: Line, monkeypatch: pytest.MonkeyPatch, offset: int | None) -> None:
    """Let another worker have committed up to an offset."""

    async def committed(group: str, places: Iterable[tuple[str, int]]) -> dict[object, object]:
        assert group == "windows.second"
        return dict.fromkeys(places, offset)

    monkeypatch.setattr(line.broker, "committed", committed)


async def test_what_was_closed_elsewhere_is_not_closed_again(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    await line.come((b"a", b"open"), (b"a", b"close"), (b"b", b"open"))
    await line.handle(0, 1)
    committed_at(line, monkeypatch, 3)
    assert await line.tick() is None
    assert await line.closed() == [b"b"]


async def test_nothing_is_closed_while_records_are_still_to_come(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    await line.come((b"a", b"open"), (b"b", b"open"), (b"a", b"close"))
    await line.handle(0, 1)
    for offset in (None, 1, 2):
        committed_at(line, monkeypatch, offset)
        assert await line.tick() == BEHIND
    assert await line.closed() == []
    await line.handle(2, 3)
    assert await line.tick() is None
    assert await line.closed() == [b"b"]


async def test_a_gap_is_filled_whenever_it_shows(line: Line) -> None:
    await line.come(*[(b"%d" % n, b"open") for n in range(6)])
    await line.handle(0, 2)
    await line.handle(4, 5)
    assert [key for key, _ in line.stage._table(0).scan("")] == ["0", "1", "2", "3", "4"]
    await line.handle(0, 5)
    assert line.stage.store.applied("judgements", 0) == 5
