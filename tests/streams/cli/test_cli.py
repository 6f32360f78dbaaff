"""What every command has in common: help, exit codes, errors in one line."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from streams.cli.app import COMMANDS, cli

Call = Callable[..., Result]


def test_help_is_quick_and_light() -> None:
    probe = (
        "import sys; sys.argv = ['clawback', '--help']\n"
        "import atexit\n"
        "heavy = ('pydantic', 'faust', 'rich', 'httpx', 'asyncio')\n"
        "atexit.register(lambda: sys.stderr.write(str([m for m in heavy if m in sys.modules])))\n"
        "from streams.cli import main\n"
        "main()"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert time.monotonic() - began < 1.5
    assert done.stderr == "[]"
    assert all(name in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str, call: Call) -> None:
    answer = call(name, "--help")
    assert answer.exit_code == 0
    assert "Example" in answer.stdout
    assert f"clawback {name}" in answer.stdout
    command = cli.get_command(None, name)  # type: ignore[arg-type]
    assert command is not None
    assert command.help
    assert command.help.splitlines()[0] == COMMANDS[name]


def test_an_unknown_command_gets_a_suggestion(call: Call) -> None:
    answer = call("statsu")
    assert answer.exit_code == 2
    assert "did you mean status?" in answer.stderr


def test_a_mistake_in_the_settings_is_told_and_nothing_else(call: Call, tmp_path: Path) -> None:
    (tmp_path / "clawback.toml").write_text('[tail]\nqiet = "5s"\n[sinks]\nflsh = 1\n')
    for command in (["run"], ["status"], ["doctor"], ["worker", "tail"], ["extract", "."]):
        answer = call(*command)
        assert answer.exit_code == 2
        assert "clawback.toml:2: tail.qiet: there is no such setting" in answer.stderr
        assert "clawback.toml:4: sinks.flsh" in answer.stderr
        assert "2 mistakes in the settings" in answer.stderr
        assert "Traceback" not in answer.stderr


def test_a_settings_file_that_is_not_there_is_wrong_usage(call: Call) -> None:
    answer = call("--config", "no.toml", "status")
    assert answer.exit_code == 2
    assert "no.toml, which is not there" in answer.stderr


def test_what_nobody_foresaw_is_one_line_unless_asked(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the moon is down")

    monkeypatch.setattr("streams.cli.status.read_settings", broken)
    answer = call("status")
    assert answer.exit_code == 1
    assert answer.stderr == "clawback: RuntimeError: the moon is down (--verbose tells where)\n"
    answer = call("--verbose", "status")
    assert answer.exit_code == 1
    assert "Traceback" in answer.stderr


def test_worker_knows_its_stages(call: Call) -> None:
    answer = call("worker", "extrct")
    assert answer.exit_code == 2
    assert "tail, extract, prefilter, judge.signals-errors" in answer.stderr
