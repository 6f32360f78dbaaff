"""`clawback doctor` finds what is wrong and says what to do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.streams.cli.conftest import FIXTURES

Call = Callable[..., Result]


def test_a_fresh_machine_has_warnings_only(call: Call) -> None:
    answer = call("doctor")
    assert answer.exit_code == 0
    assert "warning openclaw" in answer.stdout
    assert "warning judges: no LLM judge is configured" in answer.stdout
    assert "PROBLEM" not in answer.stdout


def test_openclaw_is_counted_and_a_newer_store_is_said_not_to_be_read(
    call: Call, tmp_path: Path
) -> None:
    state = tmp_path / "home/.openclaw"
    shutil.copytree(FIXTURES, state)
    store = state / "agents/main/agent/openclaw-agent.sqlite"
    store.parent.mkdir()
    shutil.copy(FIXTURES.parent / "openclaw-2026.9.6/openclaw-agent.sqlite", store)
    answer = call("doctor")
    assert answer.exit_code == 0
    assert "8 session files (gw 7, main 1)" in answer.stdout
    assert "does not read yet" in answer.stdout


def test_a_home_that_cannot_be_written_is_a_problem(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CLAWBACK_PATHS__HOME", str(tmp_path / "file/home"))
    answer = call("doctor", "--json")
    assert answer.exit_code == 4
    problems = [each for each in json.loads(answer.stdout) if each["level"] == "problem"]
    assert problems[0]["subject"] == "paths.home"
    assert problems[0]["advice"]


def test_a_judge_that_does_not_answer_is_a_problem(call: Call, tmp_path: Path) -> None:
    (tmp_path / "clawback.toml").write_text(
        '[[judges]]\nkind = "ollama"\nname = "far"\nurl = "http://127.0.0.1:9"\nmodel = "m"\n'
    )
    answer = call("doctor")
    assert answer.exit_code == 4
    assert "PROBLEM judge far: http://127.0.0.1:9 does not answer" in answer.stdout


def test_a_log_that_is_something_else_is_a_problem(call: Call, tmp_path: Path) -> None:
    log = tmp_path / "home/.clawback/log/clawback.db"
    log.parent.mkdir(parents=True)
    log.write_text("not a database at all, but long enough to be looked at" * 20)
    answer = call("doctor")
    assert answer.exit_code == 4
    assert "PROBLEM broker" in answer.stdout


def test_a_mistyped_variable_is_told(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAWBACK_TAYL__QUIET", "5s")
    answer = call("doctor")
    assert "did you mean CLAWBACK_TAIL__QUIET?" in answer.stdout
