"""The command line, called in this process with a home of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli.app import cli
from streams.settings.environment import known

FIXTURES = Path(__file__).parents[2] / "fixtures/sessions/openclaw-2026.3.13"

Call = Callable[..., Result]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """Call `clawback` with arguments, in an empty directory with an empty home."""
    for name in [*known(), "CLAWBACK_CONFIG", "OPENCLAW_STATE_DIR", "CLAWDBOT_STATE_DIR"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(cli, [str(each) for each in arguments])

    return run
