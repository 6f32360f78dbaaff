"""Checks of the settings' own whereabouts."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from schemas.settings import Judge, ModelJudge
from streams.forget.home import journal_path
from streams.settings.environment import unknown
from streams.status.checks.finding import Finding


def settings_file(file: Path | None) -> Iterator[Finding]:
    """Say which file is read."""
    if file is None:
        yield Finding("ok", "settings", "no file, so all defaults; `clawback init` writes one")
    else:
        yield Finding("ok", "settings", str(file))


def forgetting(home: Path) -> Iterator[Finding]:
    """Check that no forgetting was cut off."""
    if journal_path(home).exists():
        yield Finding(
            "problem",
            "forgetting",
            "it was cut off, and not all may have gone; no stage starts meanwhile",
            "clawback forget --resume",
        )


def environment(environ: Mapping[str, str], judges: tuple[Judge, ...]) -> Iterator[Finding]:
    """Check for variables that look like settings and are none, and keys that others may read."""
    for name, near in unknown(environ):
        yield Finding(
            "warning",
            "environment",
            f"{name} is no setting and does nothing",
            f"did you mean {near}?" if near else "unset it",
        )
    for judge in judges:
        if isinstance(judge, ModelJudge) and judge.api_key_file is not None:
            file = judge.api_key_file.expanduser()
            if file.exists() and stat.S_IMODE(file.stat().st_mode) & 0o077:
                yield Finding(
                    "warning",
                    f"judge {judge.name}",
                    f"others may read its key in {file}",
                    f"chmod 600 {file}",
                )
