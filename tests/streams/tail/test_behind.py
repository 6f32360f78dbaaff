"""What the tailer has not read yet is seen from outside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.tail.behind import Behind, behind
from tests.streams.tail.world import World, line, lines


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a tailer over two sessions, that has read nothing yet."""
    world = World(tmp_path).make()
    world.file.write_bytes(lines(1, 2))
    (world.sessions / "other.jsonl").write_bytes(lines(3))
    (world.sessions / "sessions.json").write_bytes(b"{}" * 1000)
    return world


def look(world: World) -> Behind:
    return behind([world.root], world.database)


async def test_what_was_published_is_not_counted(world: World) -> None:
    before = look(world)
    assert before.bytes == len(lines(1, 2, 3))
    await world.drain()
    assert look(world).bytes == 0
    assert look(world).mark == look(world).mark != before.mark


async def test_what_was_appended_is(world: World) -> None:
    await world.drain()
    seen = look(world)
    with world.file.open("ab") as file:
        file.write(line(4))
    assert look(world) == Behind(len(line(4)), seen.mark)
    (world.sessions / "new.jsonl").write_bytes(lines(5, 6))
    assert look(world) == Behind(len(lines(4, 5, 6)), seen.mark)
    await world.drain()
    assert look(world).bytes == 0


async def test_a_line_without_an_end_waits_for_nobody(world: World) -> None:
    with world.file.open("ab") as file:
        file.write(b'{"n":')
    await world.drain()
    assert look(world).bytes == 0


async def test_a_file_that_was_put_away_is_known_again(world: World) -> None:
    await world.drain()
    world.file.rename(f"{world.file}.reset.2026-01-01T00-00-00.000Z")
    assert look(world).bytes == 0


def test_without_directories_there_is_nothing(tmp_path: Path) -> None:
    assert behind([tmp_path / "none"], tmp_path / "no.db") == Behind(0, 0)


async def test_waiting_for_the_broker_is_told(world: World) -> None:
    told: list[bool] = []
    world.tailer._paused = told.append
    world.broker.refuse = 2
    await world.drain()
    assert told == [True, False]
