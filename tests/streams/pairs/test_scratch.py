"""The place for what a command needs on the way."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from schemas.settings import Settings
from streams.pairs import scratch as module
from streams.pairs.scratch import scratch


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return Settings.model_validate({"paths": {"home": tmp_path}})


def left(settings: Settings) -> list[Path]:
    return sorted((settings.paths.home / "tables").iterdir())


def test_nothing_of_it_is_left(home: Settings) -> None:
    with scratch(home) as place:
        for number in range(3):
            place.table.put(f"key {number}", b"value")
            place.tick()
        (place.folder / "more").write_text("x")
        assert [key for key, _ in place.table.scan("key")] == ["key 0", "key 1", "key 2"]
    assert left(home) == []


def test_changes_are_written_now_and_then(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMMIT_STEPS", 5)
    with scratch(home) as place:
        for number in range(4):
            place.table.put(f"key {number}", b"value")
            place.tick()
        assert place.table.put_bytes == 4 * len("key 0value")
        place.tick()
        assert place.table.put_bytes == 0
        assert place.table.get("key 1") == b"value"


def test_what_a_killed_command_left_is_removed_and_what_is_in_use_stays(home: Settings) -> None:
    tables = home.paths.home / "tables"
    killed, begins, killed_at_once = (tables / f".pairs-{name}" for name in ("k", "b", "o"))
    for each in (killed, begins, killed_at_once):
        each.mkdir(parents=True)
    (killed / "lock").touch()
    then = time.time() - module.YOUNG_SECONDS - 1
    os.utime(killed_at_once, (then, then))
    with scratch(home) as first, scratch(home) as second:
        assert left(home) == sorted([begins, first.folder, second.folder])
