from __future__ import annotations

import base64
import logging
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from streams.tail import file as file_module
from streams.tail import tailer as tailer_module
from streams.tail.checkpoint import CheckpointError, Checkpoints
from streams.tail.follower import Follower
from streams.tail.transcript import Batch
from tests.streams.tail.world import SESSION, World, line, lines

TIME = "2026-11-22T18-58-41.591Z"
LATER = "2026-11-23T18-58-41.591Z"


def add(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


async def test_lines_come_once_and_in_order(world: World) -> None:
    add(world.file, lines(1, 2))
    assert await world.drain() == [1, 2]
    add(world.file, lines(3))
    assert await world.drain() == [3]
    assert await world.drain() == []
    [first, *_] = world.broker.entries
    assert first.origin.file == f"agents/main/sessions/{SESSION}.jsonl"
    assert (first.origin.agent, first.origin.session) == ("main", SESSION)
    assert first.origin.inode == world.file.stat().st_ino
    assert {record.key for record in world.broker.records} == {SESSION.encode()}


async def test_a_partial_line_waits_for_its_end(world: World) -> None:
    text = '{"n":"猫"}\n'.encode()
    add(world.file, lines(1) + text[:7])
    assert await world.drain() == [1]
    add(world.file, text[7:])
    assert await world.drain() == ["猫"]


async def test_a_line_of_ten_megabytes_is_a_dead_letter_and_the_next_is_read(world: World) -> None:
    add(world.file, lines(1) + line(2, 10_000_000) + lines(3))
    assert await world.drain() == [1, 3]
    [letter] = world.broker.letters
    assert (letter.source, letter.position) == (str(world.file), str(len(lines(1))))
    assert letter.raw.startswith('{"n":2,')
    assert len(letter.raw) + letter.omitted_bytes == len(line(2, 10_000_000)) - 1
    assert len(letter.raw) < 100_000
    add(world.file, lines(4))
    assert await world.drain() == [4]


async def test_a_line_just_below_the_limit_is_read(world: World) -> None:
    add(world.file, line(1, 7_400_000) + lines(2))
    assert await world.drain() == [1, 2]


async def test_what_is_no_json_is_a_dead_letter(world: World) -> None:
    add(world.file, b"oops\n" + b'{"n":"\xff"}\n' + lines(1))
    assert await world.drain() == [1]
    text, binary = world.broker.letters
    assert (text.raw, text.encoding, text.position) == ("oops", "utf-8", "0")
    assert base64.b64decode(binary.raw) == b'{"n":"\xff"}'
    assert (binary.encoding, binary.position) == ("base64", "5")
    assert await world.drain() == []
    assert len(world.broker.letters) == 2


async def test_after_a_heartbeat_was_taken_back_only_new_lines_come(world: World) -> None:
    add(world.file, lines(1, 2))
    await world.drain()
    size = world.file.stat().st_size
    add(world.file, lines(3, 4))
    assert await world.drain() == [3, 4]
    os.truncate(world.file, size)
    assert await world.drain() == []
    add(world.file, lines(5))
    assert await world.drain() == [5]


async def test_lines_written_over_others_between_two_looks_are_read(world: World) -> None:
    add(world.file, lines(1, 2))
    await world.drain()
    size = world.file.stat().st_size
    add(world.file, lines(3))
    await world.drain()
    os.truncate(world.file, size)
    add(world.file, lines(4, 5, 6))
    assert await world.drain() == [4, 5, 6]


async def test_a_refill_of_the_same_size_is_read(world: World) -> None:
    add(world.file, lines(1, 2))
    await world.drain()
    world.file.write_bytes(lines(3, 4))
    assert await world.drain() == [3, 4]


async def test_a_large_file_changed_in_its_middle_is_read_from_there(world: World) -> None:
    before = lines(*range(100, 900), pad=1000)
    add(world.file, before)
    await world.drain()
    os.utime(world.file, (1, 1))
    await world.drain()
    world.file.write_bytes(before.replace(line(500, 1000), line(999, 1000)))
    again = await world.drain()
    assert 999 in again
    assert 500 - 70 < again[0] <= 500  # type: ignore[operator]
    assert again[-1] == 899


@pytest.mark.parametrize("state", ["reset", "deleted", "bak"])
async def test_a_renamed_file_is_read_on_and_not_again(world: World, state: str) -> None:
    add(world.file, lines(1))
    await world.drain()
    add(world.file, lines(2))
    world.file.rename(f"{world.file}.{state}.{TIME}")
    add(world.file, lines(3))
    await world.drain()
    ended = [] if state == "bak" else [("ended", None)]
    assert world.broker.said() == [1, 2, *ended, 3]
    assert {entry.origin.file for entry in world.broker.entries} == {
        f"agents/main/sessions/{SESSION}.jsonl"
    }
    world.restart()
    assert await world.drain() == []
    assert world.broker.said() == [1, 2, *ended, 3]


async def test_archives_from_before_the_first_start_are_read_oldest_first(world: World) -> None:
    add(world.file, lines(3))
    add(Path(f"{world.file}.reset.{LATER}"), lines(2))
    add(Path(f"{world.file}.bak.{TIME}"), lines(1))
    await world.drain()
    assert world.broker.said() == [1, 2, ("ended", None), 3]


async def test_a_replaced_file_is_read_from_where_it_differs(world: World) -> None:
    add(world.file, lines(1, 2))
    await world.drain()
    add(world.file, lines(3))
    await world.drain()
    temporary = world.file.with_suffix(".jsonl.repair-1-2.tmp")
    temporary.write_bytes(lines(1, 2, 4, 5))
    temporary.rename(world.file)
    assert await world.drain() == [4, 5]


async def test_a_file_without_header_in_a_new_inode_belongs_to_its_name(world: World) -> None:
    add(world.file, lines(1, 2, 3))
    await world.drain()
    world.file.rename(f"{world.file}.bak.{TIME}")
    add(world.file, lines(2, 3))
    assert await world.drain() == [2, 3]
    assert len({entry.id for entry in world.broker.entries}) == 3
    assert {entry.origin.session for entry in world.broker.entries} == {SESSION}


async def test_a_number_of_an_inode_used_again_is_no_old_file(world: World) -> None:
    add(world.file, lines(1, 2))
    await world.drain()
    inode = world.file.stat().st_ino
    other = world.sessions / "other.jsonl"
    for attempt in range(50):
        world.file.unlink(missing_ok=True)
        other.write_bytes(lines(3, 4, 5))
        if other.stat().st_ino == inode:
            break
        other.rename(world.sessions / f"keep-{attempt}.tmp")
    else:
        pytest.skip("this file system does not use inode numbers again")
    assert await world.drain() == [3, 4, 5]


async def test_directories_may_come_later(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert await world.drain() == []
    world.make()
    assert await world.drain() == []
    add(world.file, lines(1))
    assert await world.drain() == [1]
    shutil.rmtree(world.root)
    assert await world.drain() == []
    world.make()
    add(world.file, lines(2))
    assert await world.drain() == [2]
    world.close()


async def test_what_is_no_transcript_is_passed_over(world: World) -> None:
    for name in ("sessions.json", "a.trajectory.jsonl", "a.jsonl.lock", "a.checkpoint.b.jsonl"):
        add(world.sessions / name, lines(1))
    (world.sessions / "folder.jsonl").mkdir()
    os.mkfifo(world.sessions / "pipe.jsonl")
    (world.sessions / "loop.jsonl").symlink_to(world.sessions / "loop.jsonl")
    (world.root / "agents" / "circle").symlink_to(world.root)
    (world.root / "agents" / "self").symlink_to(world.root / "agents" / "self")
    add(world.file, lines(2))
    assert await world.drain() == [2]


async def test_an_unreadable_file_is_said_once_and_holds_nothing_up(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(world.file, lines(1))
    add(world.sessions / "other.jsonl", lines(2))
    opening = os.open

    def refuse(path: str, *arguments: int) -> int:
        if path == str(world.file):
            raise PermissionError(13, "Permission denied", path)
        return opening(path, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr("streams.tail.file.os.open", refuse)
        assert await world.drain() == [2]
        assert await world.drain() == []
    said = [record.getMessage() for record in caplog.records if SESSION in record.getMessage()]
    assert len(said) == 1
    assert "Permission denied" in said[0]
    assert await world.drain() == [1]


async def test_quiet_comes_once_for_each_end_of_a_file(world: World) -> None:
    add(world.file, lines(1))
    written = world.file.stat().st_mtime
    world.now = written + 59
    await world.drain()
    assert world.broker.said() == [1]
    world.now = written + 61
    await world.drain()
    await world.drain()
    assert world.broker.said() == [1, ("quiet", 60.0)]
    world.restart()
    world.now = written + 6 * 3600 + 1
    await world.drain()
    assert world.broker.said() == [1, ("quiet", 60.0), ("quiet", 21600.0)]
    add(world.file, lines(2))
    world.now = world.file.stat().st_mtime + 70
    await world.drain()
    assert world.broker.said()[3:] == [2, ("quiet", 60.0)]
    offsets = [entry.origin.offset for entry in world.broker.entries]
    assert offsets == [0, len(lines(1)), len(lines(1)), len(lines(1)), len(lines(1, 2))]


async def test_a_backlog_is_quiet_behind_its_last_line_and_a_compacted_file_never(
    world: World,
) -> None:
    add(Path(f"{world.file}.bak.{TIME}"), lines(1))
    add(world.file, lines(2) + b'{"partial')
    world.now = world.file.stat().st_mtime + 10**6
    await world.drain()
    assert world.broker.said() == [1, 2, ("quiet", 60.0), ("quiet", 21600.0)]


async def test_a_file_that_grows_while_the_machine_sleeps_is_not_called_quiet(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_module, "SETTLED_SECONDS", -1.0)
    add(world.file, lines(1))
    written = world.file.stat().st_mtime
    world.now = written
    await world.drain()
    fill = Follower.fill

    def late(follower: Follower) -> Batch:
        # After the scan has found the file unchanged, and before a marker is made.
        monkeypatch.setattr(Follower, "fill", fill)
        add(world.file, lines(2))
        os.utime(world.file, (written + 59, written + 59))
        return fill(follower)

    monkeypatch.setattr(Follower, "fill", late)
    world.now = written + 61
    await world.drain()
    assert world.broker.said() == [1]
    await world.drain()
    assert world.broker.said() == [1, 2]
    world.now = written + 59 + 61
    await world.drain()
    assert world.broker.said() == [1, 2, ("quiet", 60.0)]


async def test_a_directory_that_is_away_when_a_marker_is_due_costs_no_more_than_rescans(
    world: World,
) -> None:
    add(world.file, lines(1))
    world.now = world.file.stat().st_mtime
    await world.drain()
    world.root.rename(world.root.with_name("away"))
    world.now += 61
    await world.drain()
    assert world.tailer._pause() > 0
    world.root.with_name("away").rename(world.root)
    await world.drain()
    assert world.broker.said() == [1, ("quiet", 60.0)]


async def test_touching_a_file_does_not_make_it_less_quiet(world: World) -> None:
    add(world.file, lines(1))
    written = world.file.stat().st_mtime
    world.now = written
    await world.drain()
    os.utime(world.file, (written + 50, written + 50))
    world.now = written + 61
    await world.drain()
    assert world.broker.said() == [1, ("quiet", 60.0)]


async def test_a_broker_that_is_away_holds_lines_up_and_loses_none(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tailer_module, "BACKOFF_SECONDS", 0.0)
    world.broker.refuse = 3
    add(world.file, lines(1, 2))
    assert await world.drain() == [1, 2]
    assert sum("broker" in record.getMessage() for record in caplog.records) == 1


async def test_checkpoints_that_cannot_be_written_do_not_stop_the_lines(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    add(world.file, lines(1))

    def full(*_: object) -> None:
        raise CheckpointError("can't write the checkpoints /x: the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(world.checkpoints, "store", full)
        assert await world.drain() == [1]
        add(world.file, lines(2))
        assert await world.drain() == [2]
        assert sum("disk is full" in record.getMessage() for record in caplog.records) == 1
    add(world.file, lines(3))
    assert await world.drain() == [3]
    world.restart()
    assert await world.drain() == []


async def test_damaged_checkpoints_are_put_aside(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    add(world.file, lines(1))
    await world.drain()
    world.close()
    world.database.write_bytes(b"no database " * 1000)
    with caplog.at_level(logging.ERROR):
        world.tailer = world._started()
    assert await world.drain() == [1]
    assert "put aside" in caplog.text
    assert list(world.database.parent.glob("tail.db.damaged-*"))


def test_checkpoints_that_cannot_be_opened_say_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "home").write_bytes(b"a file")
    with pytest.raises(CheckpointError, match=r"paths\.home"):
        Checkpoints(tmp_path / "home" / "tail.db")


def test_checkpoints_of_another_version_are_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "tail.db") as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(CheckpointError, match="version 99"):
        Checkpoints(tmp_path / "tail.db")


async def test_the_samples_come_out_whole(tmp_path: Path) -> None:
    samples = Path(__file__).parents[2] / "fixtures/sessions/openclaw-2026.3.13"
    world = World(tmp_path)
    shutil.copytree(samples, world.root)
    await world.tailer.drain()
    files = [path for path in samples.glob("agents/*/sessions/*.jsonl*") if path.suffix != ".lock"]
    read = [entry for entry in world.broker.entries if entry.kind == "line"]
    assert len(read) == sum(path.read_bytes().count(b"\n") for path in files)
    assert not world.broker.letters
    world.close()
