"""Fixtures that any test may take."""

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

# Compiling the detectors of secrets takes seconds; tests with a home of their own share this.
os.environ.setdefault("KF_RULE_CACHE_DIR", str(Path.home() / ".cache" / "clawback-tests"))

pytest_plugins = ["tests.support.kafka"]

_NEED_TORCH = pytest.StashKey[int]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of training where there is no torch."""
    if "not train" in config.option.markexpr or find_spec("torch") is not None:
        return
    left_out = [item for item in items if item.get_closest_marker("train")]
    if left_out:
        items[:] = [item for item in items if not item.get_closest_marker("train")]
        config.hook.pytest_deselected(items=left_out)
        config.stash[_NEED_TORCH] = len(left_out)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say that tests were left out, and how they are run."""
    if count := config.stash.get(_NEED_TORCH, 0):
        terminalreporter.write_line(
            f"{count} tests marked train need torch and were left out here: make test-train"
        )
