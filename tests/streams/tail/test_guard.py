"""What of the session files passes the tailer."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from agents.privacy import Redactor
from schemas.entry import line_id
from schemas.settings import Privacy
from streams.forget.forgotten import Forgetting, Forgotten, read, write
from streams.forget.home import PrivacyError, read_key
from streams.tail.guard import Guard, open_guard
from tests.streams.tail.world import SESSION, World, line

TOKEN = "ghp_2OEfwZeA12345678901234567890abcdEFGH"
LINE = b'{"n":1,"text":"use %s now"}\n' % TOKEN.encode()


async def test_a_secret_is_replaced_and_counted_before_it_reaches_a_topic(world: World) -> None:
    world.file.write_bytes(LINE + line(2))
    await world.drain()
    first, second = world.broker.entries
    assert first.entry is not None
    assert first.entry["text"].startswith("use <secret:github-pat:")
    assert first.redacted == {"github-pat": 1}
    assert second.redacted == {}
    raw = b"".join(record.value or b"" for record in world.broker.records)
    assert TOKEN.encode() not in raw
    assert first.to_bytes() + second.to_bytes() == raw


async def test_a_line_read_again_gives_the_same_record(world: World) -> None:
    world.file.write_bytes(LINE)
    await world.drain()
    world.close()
    world.database.unlink()
    world.restart()
    await world.drain()
    before, after = world.broker.records
    assert before == after


async def test_no_id_is_made_from_the_secret(world: World) -> None:
    """Else one who knows all of a line but a password could try passwords out."""
    world.file.write_bytes(LINE)
    await world.drain()
    (entry,) = world.broker.entries
    assert entry.id != line_id(SESSION, LINE.strip())


async def test_dead_letters_hold_no_secrets_either(world: World) -> None:
    world.file.write_bytes(b'{"broken": "%s\n' % TOKEN.encode() + b"\xff\xfe" + LINE)
    await world.drain()
    assert len(world.broker.letters) == 2
    assert TOKEN not in str(world.broker.letters)


async def test_the_head_of_a_line_too_long_ends_before_a_word_that_was_cut(tmp_path: Path) -> None:
    world = World(tmp_path, max_line_bytes=100_000).make()
    filler = "x " * (65536 // 2 - 10)
    world.file.write_bytes(b'{"a":"%s%s' % (filler.encode(), TOKEN.encode() * 2000) + b'"}\n')
    await world.drain()
    (letter,) = world.broker.letters
    assert "ghp_" not in letter.raw
    assert letter.raw.startswith('{"a":"x x')
    world.close()


async def test_a_forgotten_session_does_not_come_back(world: World) -> None:
    home = world.settings.paths.home
    write(home, Forgetting(at_ms=1, session=SESSION))
    world.file.write_bytes(line(1) + b"broken\n")
    (world.sessions / "other.jsonl").write_bytes(line(2))
    world.now = 1e12
    assert await world.drain() == [2]
    assert {record.key for record in world.broker.records} == {b"other"}


async def test_a_forgotten_line_does_not_come_back_in_whatever_file(world: World) -> None:
    home = world.settings.paths.home
    key = read_key(home)
    gone = Redactor(key).line(LINE.strip()).data
    write(home, Forgetting(at_ms=1, lines=(Forgotten(key).digest(gone),)))
    (world.sessions / "a-fork.jsonl").write_bytes(line(1) + LINE + line(3))
    assert await world.drain() == [1, 3]


def test_settings_decide_what_is_replaced(tmp_path: Path) -> None:
    world = World(tmp_path)
    said = json.dumps({"t": f"{TOKEN} milo@example.org"}).encode()
    for privacy, left in (
        (Privacy(secrets=False), (True, True)),
        (Privacy(), (False, True)),
        (Privacy.model_validate({"personal": "email,ip"}), (False, False)),
    ):
        settings = world.settings.model_copy(update={"privacy": privacy})
        passed = open_guard(settings).line(said)
        assert (TOKEN.encode() in passed.data, b"milo@" in passed.data) == left
    world.close()


def test_the_key_is_the_owners_alone_and_stays(tmp_path: Path) -> None:
    key = read_key(tmp_path)
    assert stat.S_IMODE((tmp_path / "privacy/key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "privacy").stat().st_mode) == 0o700
    assert read_key(tmp_path) == key
    assert [path.name for path in (tmp_path / "privacy").iterdir()] == ["key"]


def test_a_damaged_key_is_said(tmp_path: Path) -> None:
    read_key(tmp_path)
    (tmp_path / "privacy/key").write_bytes(b"abc")
    with pytest.raises(PrivacyError, match="3 bytes, not 32"):
        read_key(tmp_path)


def test_a_torn_line_of_the_list_is_mended_and_a_damaged_one_stops(tmp_path: Path) -> None:
    key = read_key(tmp_path)
    path = tmp_path / "privacy/forgotten.jsonl"
    write(tmp_path, Forgetting(at_ms=1, session="one"))
    with path.open("ab") as file:
        file.write(b'{"at_ms": 2, "ses')
    write(tmp_path, Forgetting(at_ms=3, session="three"))
    found = read(tmp_path, key)
    assert found.has_session("one")
    assert found.has_session("three")
    path.write_bytes(b"what?\n")
    with pytest.raises(PrivacyError, match="damaged"):
        read(tmp_path, key)


def test_without_a_redactor_lines_pass_as_they_are() -> None:
    guard = Guard(None, Forgotten(b"k" * 32))
    passed = guard.line(LINE)
    assert passed.data is LINE
    assert guard.text(LINE, cut=True) is LINE
