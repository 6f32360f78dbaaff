"""A record that nobody foresaw goes to the dead letters; those behind it go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.deadletter import DeadLetter
from schemas.settings import Broker as BrokerSettings
from schemas.settings import Paths, Settings
from schemas.table import Table
from schemas.topics import CANDIDATES, DEADLETTERS, TURNS
from streams.batch import BatchStage
from streams.broker import EmbeddedBroker, log_path
from streams.flow import Incoming, Outgoing


class Forwarding:
    """Forwards what it gets, notes its keys, and stumbles over some of it."""

    def __init__(self, stumble: Callable[[bytes], None]) -> None:
        self._stumble = stumble

    def apply(self, record: Incoming, table: Table) -> list[Outgoing]:
        key = record.key or b""
        table.put(f"key/{key.decode()}", b"")
        self._stumble(record.value or b"")
        return [Outgoing(CANDIDATES, key, record.value)]


def over_poison(value: bytes) -> None:
    if value == b"poison":
        raise KeyError("nobody thought of this")


def over_a_full_disk(value: bytes) -> None:
    if value == b"poison":
        raise OSError(28, "No space left on device")


async def started(
    folder: Path, stumble: Callable[[bytes], None]
) -> tuple[BatchStage, EmbeddedBroker]:
    settings = Settings(paths=Paths(home=folder), broker=BrokerSettings(partitions=1))
    broker = EmbeddedBroker(log_path(settings), settings)
    broker.ensure_topics()
    values = [b"one", b"poison", b"two"]
    await broker.publish([Outgoing(TURNS, value, value) for value in values])
    stage = BatchStage("probe", (TURNS,), "1", Forwarding(stumble), settings, broker)
    await stage.start()
    return stage, broker


async def records(broker: EmbeddedBroker, topic: str, count: int) -> list[Incoming]:
    async with asyncio.timeout(20):
        while await broker.end(topic, 0) < count:  # noqa: ASYNC110 - the event is in the log
            await asyncio.sleep(0.01)
    return await broker.read(topic, 0, 0, 100)


async def test_a_record_nobody_foresaw_is_a_dead_letter_and_leaves_no_trace(tmp_path: Path) -> None:
    stage, broker = await started(tmp_path, over_poison)
    try:
        passed = await records(broker, CANDIDATES, 2)
        (letter,) = await records(broker, DEADLETTERS, 1)
        assert [record.value for record in passed] == [b"one", b"two"]
        told = DeadLetter.from_bytes(letter.value or b"")
        assert (told.source, told.position, told.raw) == ("clawback.turns", "0:1", "poison")
        assert told.reason == "KeyError: 'nobody thought of this'"
        assert [key for key, _ in stage.store.table("0").scan("key/")] == ["key/one", "key/two"]
    finally:
        await stage.stop()
        broker.close()


async def test_what_the_machine_raises_ends_the_stage_and_loses_no_record(tmp_path: Path) -> None:
    stage, broker = await started(tmp_path, over_a_full_disk)
    try:
        with pytest.raises(OSError, match="No space"):
            await asyncio.wait_for(stage.failed, 20)
        assert await broker.end(DEADLETTERS, 0) == 0
    finally:
        await stage.stop()
        broker.close()
    again, broker = await started(tmp_path, lambda _: None)
    try:
        passed = await records(broker, CANDIDATES, 3)
        assert [record.value for record in passed][:3] == [b"one", b"poison", b"two"]
    finally:
        await again.stop()
        broker.close()
