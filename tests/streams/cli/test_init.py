"""`clawback init` writes a file and finds OpenClaw."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from schemas.settings import Settings
from streams.settings import find, load
from tests.streams.cli.conftest import FIXTURES

Call = Callable[..., Result]


def test_it_writes_where_every_command_looks(call: Call, tmp_path: Path) -> None:
    answer = call("init")
    assert answer.exit_code == 0
    file = tmp_path / "home/.clawback/clawback.toml"
    assert f"wrote {file}" in answer.stdout
    assert "found no OpenClaw" in answer.stdout
    assert find() == file
    assert load(file) == Settings()


def test_it_does_not_overwrite_without_force(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("# mine\n")
    answer = call("init", "--path", file)
    assert answer.exit_code == 1
    assert "is there already" in answer.stderr
    assert file.read_text() == "# mine\n"
    assert call("init", "--path", file, "--force").exit_code == 0
    assert "[paths]" in file.read_text()


def test_it_writes_where_the_settings_are_said_to_be(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAWBACK_CONFIG", "a/b.toml")
    assert call("init").exit_code == 0
    assert (tmp_path / "a/b.toml").exists()
    assert call("--config", "c.toml", "init").exit_code == 0
    assert (tmp_path / "c.toml").exists()


def test_it_finds_openclaw_in_its_usual_place(call: Call, tmp_path: Path) -> None:
    shutil.copytree(FIXTURES, tmp_path / "home/.openclaw")
    answer = call("init")
    assert "8 session files of 2 agents" in answer.stdout
    assert load(find()) == Settings()


def test_it_writes_down_an_unusual_place(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENCLAW_STATE_DIR", str(FIXTURES))
    answer = call("init")
    assert f"found OpenClaw at {FIXTURES}" in answer.stdout
    assert load(find()).paths.openclaw == (FIXTURES,)
    assert str(tmp_path) in str(load(find()).paths.home)
