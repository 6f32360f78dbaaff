"""What `clawback doctor` looks at: one function a subject, each yielding findings."""

from __future__ import annotations

from streams.status.checks.finding import Finding, Level
from streams.status.checks.machine import clock, free_space, home, python, sqlite
from streams.status.checks.reach import broker, judges
from streams.status.checks.sessions import openclaw, watches
from streams.status.checks.setup import environment, forgetting, settings_file

__all__ = [
    "Finding",
    "Level",
    "broker",
    "clock",
    "environment",
    "forgetting",
    "free_space",
    "home",
    "judges",
    "openclaw",
    "python",
    "settings_file",
    "sqlite",
    "watches",
]
