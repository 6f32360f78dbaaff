"""One world for all tests here, and what comes of it when nothing goes wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.chaos import undisturbed
from tests.faults.line import Line
from tests.faults.outcome import Outcome
from tests.faults.writing import Sessions

PACE = 0.004
"""Seconds between two writes."""


class World:
    """Sessions to be written while something goes wrong, and what has to come of them."""

    def __init__(self, scratch: Path, expected: Outcome) -> None:
        self.sessions = Sessions(0)
        self.turns = self.sessions.turn_ids(scratch)
        self.expected = expected
        self._next = 0

    def write(self, line: Line, share: float = 1.0) -> None:
        """Write on, up to this share of all there is to be written."""
        steps = self.sessions.steps
        while self._next < round(share * len(steps)):
            steps[self._next].do(line.sessions)
            self._next += 1
            time.sleep(PACE)

    def write_between(self, line: Line, actions: list[Callable[[], object]]) -> None:
        """Write everything, with these actions spread over it."""
        for number, action in enumerate(actions, 1):
            self.write(line, number / (len(actions) + 1))
            action()
        self.write(line)

    def check(self, line: Line) -> None:
        """Wait for the end and compare it with the undisturbed one."""
        assert line.finish(self.turns).differences(self.expected) == []


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return the world, not yet written."""
    return World(tmp_path / "scratch", undisturbed(0))
