"""How a launch ended, and how far it is: what the launcher leaves for whoever started it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from trainer.job import DONE, ERROR

PROGRESS: Final = "launcher.json"
"""In the run's folder: a `Progress`."""

Kind = Literal["done", "failed", "unready", "stopped"]

CODES: Final[dict[Kind, int]] = {"done": 0, "failed": 1, "unready": 3, "stopped": 143}
"""The launcher's exit code. `unready`: a host can't be reached or lacks something, and nothing
was started; `stopped`: it was told to stop, by SIGTERM, SIGINT or the end of its leash. 2 is a
launch file that can't be read."""

Phase = Literal["checking", "sending", "running", "stopping", "fetching", "ended"]


class Ending(BaseModel):
    """How a launch ended. `reason` is one line for a person, empty for `done`; `retry` is whether
    it may end otherwise when it is tried again as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    reason: str = ""
    retry: bool = True


class Progress(BaseModel):
    """How far a launch is. Times are epoch milliseconds.

    `note` says what is out of the ordinary: a host that is waited for, or one that has written no
    log for long.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: str
    pid: int
    phase: Phase
    since_ms: int
    note: str = ""
    ending: Ending | None = None


class Reason(BaseModel):
    """What stands in `trainer.job.ERROR`."""

    model_config = ConfigDict(extra="ignore")

    reason: str
    retry: bool = True


def ending_of(folder: Path, code: int) -> Ending:
    """Return how the launcher of a run ended, from its exit code (negative for a signal) and what
    it left in the run's folder."""
    if code == 0 and (folder / DONE).exists():
        return Ending(kind="done")
    kind = next((kind for kind, number in CODES.items() if number == code), "failed")
    if code < 0:
        return Ending(kind="failed", reason=f"the launcher was killed by signal {-code}")
    said = read_reason(folder) or Reason(reason=f"the launcher ended with exit code {code}")
    return Ending(kind="failed" if kind == "done" else kind, reason=said.reason, retry=said.retry)


def read_reason(folder: Path) -> Reason | None:
    """Return why the last attempt in a run's folder ended, None where nothing says so."""
    try:
        return Reason.model_validate_json((folder / ERROR).read_bytes())
    except (OSError, ValidationError):
        return None


def write_reason(folder: Path, ending: Ending) -> None:
    """Say why an attempt ended.

    Raises:
        OSError: the folder can't be written.
    """
    _replace(folder / ERROR, Reason(reason=ending.reason, retry=ending.retry))


def read_progress(folder: Path) -> Progress | None:
    """Return how far the launch in a run's folder is, or was when its launcher was killed."""
    try:
        return Progress.model_validate_json((folder / PROGRESS).read_bytes())
    except (OSError, ValidationError):
        return None


def write_progress(folder: Path, progress: Progress) -> None:
    """Replace what was said before.

    Raises:
        OSError: the folder can't be written.
    """
    _replace(folder / PROGRESS, progress)


def _replace(path: Path, what: BaseModel) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(what.model_dump_json() + "\n", encoding="utf-8")
    os.replace(temporary, path)
