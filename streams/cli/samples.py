"""Where the sample sessions are played with, and pointing the settings there."""

from __future__ import annotations

import os
from pathlib import Path

HOME = Path("var/samples")
"""Unless another is named; below the directory one is in."""


def point_at(home: Path) -> None:
    """Have this process, and those it starts, read and write below a home of the samples.

    The environment wins over the settings file, whose judges and panels hold here, too.
    """
    os.environ.update(
        CLAWBACK_PATHS__OPENCLAW=str(home / "openclaw"),
        CLAWBACK_PATHS__HOME=str(home / "home"),
        CLAWBACK_PATHS__OUTPUT=str(home / "output"),
        CLAWBACK_TAIL__QUIET="1s",
        CLAWBACK_TAIL__ABANDONED="3s",
    )


def looking(home: Path) -> str:
    """Return the command that lists the pairs made of the samples."""
    if home == HOME.absolute():
        return "clawback --samples pairs list"
    paths = f"CLAWBACK_PATHS__HOME={home / 'home'} CLAWBACK_PATHS__OUTPUT={home / 'output'}"
    return f"{paths} clawback pairs list"
