"""What the tailer makes of the trajectory files beside the transcripts."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import orjson

from schemas.tool import ToolDefinition, ToolOffer, read_tool
from schemas.topics import TOOLS
from streams.forget.forgotten import Forgetting, Forgotten, write
from streams.forget.home import read_key
from streams.tail.behind import behind
from streams.tail.follower import SLICE_BYTES
from tests.streams.tail.world import SESSION, World, line, lines

FIXTURE = Path(__file__).parents[2] / "fixtures/trajectories/s-tools-1.trajectory.jsonl"
TOKEN = "ghp_2OEfwZeA12345678901234567890abcdEFGH"
SAID = "what the user said in this session"


def event(second: int, *names: str, about: str = "A tool.", pad: int = 0) -> bytes:
    """An event of that second of an hour that offers tools of these names."""
    tools = [
        {"name": name, "description": about, "parameters": {"type": "object"}} for name in names
    ]
    return _line(second, "context.compiled", {"systemPrompt": SAID + "x" * pad, "tools": tools})


def other(second: int, pad: int = 0) -> bytes:
    return _line(second, "prompt.submitted", {"prompt": SAID + "x" * pad})


def _line(second: int, kind: str, data: dict[str, Any]) -> bytes:
    head = {"traceSchema": "openclaw-trajectory", "schemaVersion": 1, "traceId": SESSION}
    ts = f"2026-11-22T18:{second // 60:02}:{second % 60:02}.000Z"
    return orjson.dumps(head | {"type": kind, "ts": ts, "data": data}) + b"\n"


def said(world: World) -> list[ToolDefinition | ToolOffer]:
    return [read_tool(one.value or b"") for one in world.broker.records if one.topic == TOOLS]


def definitions(world: World) -> list[ToolDefinition]:
    return [each for each in said(world) if isinstance(each, ToolDefinition)]


def offers(world: World) -> list[ToolOffer]:
    return [each for each in said(world) if isinstance(each, ToolOffer)]


def seconds(world: World) -> list[int]:
    return [each.at_ms // 1000 % 3600 for each in offers(world)]


async def test_an_offer_names_its_definitions_which_come_once(world: World) -> None:
    world.trajectory.write_bytes(
        event(1, "exec", "read") + other(2) + event(3, "exec", "read", "write")
    )
    await world.drain()
    names = {each.id: each.name for each in definitions(world)}
    assert sorted(names.values()) == ["exec", "read", "write"]
    assert [[names[one] for one in each.tools] for each in offers(world)] == [
        ["exec", "read"],
        ["exec", "read", "write"],
    ]
    assert {(each.agent, each.session) for each in offers(world)} == {("main", SESSION)}
    assert {one.key for one in world.broker.records} == {b"main"}


async def test_nothing_else_of_a_trajectory_reaches_a_topic(world: World) -> None:
    shutil.copy(FIXTURE, world.trajectory)
    world.now = 1e12
    await world.drain()
    assert len(offers(world)) == 2
    raw = b"".join(one.value or b"" for one in world.broker.records)
    assert b"is the car charged" in FIXTURE.read_bytes()
    assert b"is the car charged" not in raw
    assert len(raw) < 20_000
    assert {one.topic for one in world.broker.records} == {TOOLS}


async def test_a_file_that_is_replaced_by_a_longer_one_is_read_on(world: World) -> None:
    """So OpenClaw adds to it."""
    for count in (1, 2, 3):
        new = world.trajectory.with_name(".openclaw-trajectory-1")
        new.write_bytes(b"".join(event(n, "exec") for n in range(count)))
        new.rename(world.trajectory)
        await world.drain()
    assert seconds(world) == [0, 1, 2]


async def test_without_its_oldest_events_it_says_the_same(world: World) -> None:
    world.trajectory.write_bytes(b"".join(event(n, "exec", f"t{n}") for n in range(4)))
    await world.drain()
    before = {each.id for each in said(world)}
    new = world.trajectory.with_name("new")
    new.write_bytes(b"".join(event(n, "exec", f"t{n}") for n in range(2, 5)))
    new.rename(world.trajectory)
    await world.drain()
    assert sorted(set(seconds(world))) == [0, 1, 2, 3, 4]
    added = [each for each in said(world) if each.id not in before]
    assert len(added) == 2


async def test_a_file_that_is_cut_off_is_read_anew(world: World) -> None:
    world.trajectory.write_bytes(event(1, "exec") + event(2, "exec"))
    await world.drain()
    world.trajectory.write_bytes(event(5, "exec"))
    await world.drain()
    assert seconds(world) == [1, 2, 5]


async def test_a_line_waits_for_its_end(world: World) -> None:
    whole = event(1, "exec")
    world.trajectory.write_bytes(whole[:-20])
    await world.drain()
    assert said(world) == []
    with world.trajectory.open("ab") as opened:
        opened.write(whole[-20:])
    await world.drain()
    assert seconds(world) == [1]


async def test_after_a_restart_it_is_read_on(world: World) -> None:
    world.trajectory.write_bytes(event(1, "exec"))
    await world.drain()
    world.restart()
    await world.drain()
    assert seconds(world) == [1]
    with world.trajectory.open("ab") as opened:
        opened.write(event(2, "exec"))
    await world.drain()
    assert seconds(world) == [1, 2]


async def test_read_again_it_gives_the_same_records(world: World) -> None:
    shutil.copy(FIXTURE, world.trajectory)
    await world.drain()
    first = [one.value for one in world.broker.records]
    world.close()
    world.database.unlink()
    world.restart()
    await world.drain()
    assert [one.value for one in world.broker.records] == first * 2


async def test_no_definition_is_lost_when_a_publication_is_broken_off(world: World) -> None:
    world.trajectory.write_bytes(event(1, "exec"))
    world.broker.refuse = 1_000_000
    task = asyncio.create_task(world.tailer.run())
    await asyncio.sleep(0.3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert said(world) == []
    world.broker.refuse = 0
    await world.drain()
    assert [each.name for each in definitions(world)] == ["exec"]
    assert seconds(world) == [1]


async def test_secrets_are_replaced_and_ids_are_made_of_what_passed(world: World) -> None:
    world.trajectory.write_bytes(event(1, "exec", "read", about=f"Use {TOKEN} for it."))
    await world.drain()
    for each in definitions(world):
        assert each.description.startswith("Use <secret:github-pat:")
        assert each == ToolDefinition.of("main", each.name, each.description, each.parameters, ())
    assert TOKEN not in str(said(world))


async def test_a_forgotten_session_has_no_offers(world: World) -> None:
    write(world.settings.paths.home, Forgetting(at_ms=1, session=SESSION))
    world.trajectory.write_bytes(event(1, "exec") + b'{"broken "context.compiled"\n')
    (world.sessions / "other.trajectory.jsonl").write_bytes(event(2, "exec"))
    await world.drain()
    assert [each.session for each in offers(world)] == ["other"]
    assert world.broker.letters == []


async def test_a_forgotten_definition_does_not_come_back(world: World) -> None:
    world.trajectory.write_bytes(event(1, "exec", "read"))
    await world.drain()
    gone, stays = definitions(world)
    home = world.settings.paths.home
    digest = Forgotten(read_key(home)).digest(gone.to_bytes())
    write(home, Forgetting(at_ms=1, lines=(digest,)))
    world.broker.records.clear()
    world.restart()
    world.trajectory.write_bytes(event(1, "exec", "read") + event(2, "exec", "read"))
    await world.drain()
    assert definitions(world) == [stays]
    assert {each.tools for each in offers(world)} == {(stays.id,)}


async def test_an_offer_that_cant_be_read_is_a_dead_letter_without_what_was_said(
    world: World,
) -> None:
    broken = event(1, "exec").replace(b'"tools":', b'"tools"')
    timeless = event(2, "exec").replace(b"2026-11-22T18:00:02.000Z", b"then")
    world.trajectory.write_bytes(broken + timeless + event(3, "exec"))
    await world.drain()
    assert seconds(world) == [3]
    one, two = world.broker.letters
    assert (one.source, one.position, two.position) == (
        str(world.trajectory),
        "0",
        str(len(broken)),
    )
    assert "not valid JSON" in one.reason
    assert "no time" in two.reason
    for letter, size in ((one, len(broken)), (two, len(timeless))):
        assert '"type":"context.compiled"' in letter.raw
        assert SAID not in letter.raw
        assert letter.omitted_bytes == size - 1 - len(letter.raw.encode())


async def test_other_lines_need_not_be_readable(world: World) -> None:
    world.trajectory.write_bytes(b"\xff\xfe broken\n\n" + event(1, "exec"))
    await world.drain()
    assert seconds(world) == [1]
    assert world.broker.letters == []


async def test_a_line_too_long_is_a_dead_letter_if_it_offers_something(tmp_path: Path) -> None:
    world = World(tmp_path, max_line_bytes=100_000).make()
    world.trajectory.write_bytes(
        event(1, "exec", pad=200_000) + other(2, pad=200_000) + event(3, "exec")
    )
    await world.drain()
    assert seconds(world) == [3]
    (letter,) = world.broker.letters
    assert "tail.max_line_bytes" in letter.reason
    assert SAID not in letter.raw
    world.close()


async def test_transcripts_do_not_wait_for_long_trajectories(world: World) -> None:
    """All of them are published while of each trajectory not more than a slice is read."""
    pad = SLICE_BYTES // 4
    for name in ("a", "b", "c"):
        events = b"".join(other(n, pad) for n in range(12)) + event(20, "exec")
        (world.sessions / f"{name}.trajectory.jsonl").write_bytes(events)
    for name in ("x", "y", "z"):
        (world.sessions / f"{name}.jsonl").write_bytes(lines(*range(50)))
    await world.drain()
    kinds = [one.topic for one in world.broker.records]
    assert kinds[:150] == ["entries"] * 150
    assert len(offers(world)) == 3


async def test_a_trajectory_has_no_part_in_whether_its_session_is_quiet(world: World) -> None:
    world.file.write_bytes(line(1))
    os.utime(world.file, (1000, 1000))
    world.trajectory.write_bytes(event(1, "exec"))
    world.now = 1100
    await world.drain()
    assert world.broker.said() == [1, ("quiet", 60.0)]
    world.trajectory.write_bytes(event(1, "exec") + event(2, "exec"))
    world.now = 1e10
    await world.drain()
    assert len([each for each in world.broker.said() if each != 1]) == 2


async def test_what_is_to_be_read_of_it_is_counted(world: World) -> None:
    world.trajectory.write_bytes(event(1, "exec") + other(2))
    await world.drain()
    assert behind([world.root], world.database).bytes == 0
    with world.trajectory.open("ab") as opened:
        opened.write(other(3))
    assert behind([world.root], world.database).bytes == len(other(3))


async def test_a_trajectory_that_may_not_be_read_does_not_hold_up_others(world: World) -> None:
    world.trajectory.mkdir()
    (world.sessions / "gone.trajectory.jsonl").symlink_to("/nowhere")
    (world.sessions / "good.trajectory.jsonl").write_bytes(event(1, "exec"))
    world.file.write_bytes(line(1))
    assert await world.drain() == [1]
    assert seconds(world) == [1]
