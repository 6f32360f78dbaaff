"""Checkpoints to resume from: which are whole, and which of them are kept.

A checkpoint is many files of several ranks. When all have written theirs, each host marks its
copy with `WHOLE`; one without the mark was cut off, and is removed at the next start.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Container, Iterable
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from trainer.job import Job

WHOLE: Final = "whole.json"
_NAME: Final = re.compile(r"checkpoint-(\d+)")


class Whole(BaseModel):
    """The mark of a checkpoint: what it belongs to (`digest`), and how long (seconds) it took to
    train so far."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    digest: str
    seconds: float


def digest(job: Job, ranks: int) -> str:
    """Return what a checkpoint belongs to: a job and its number of ranks.

    What does not change the training, such as where its files are, is no part of it.
    """
    said = job.model_dump(
        mode="json",
        exclude={"output", "snapshot", "save_steps", "keep_checkpoints", "logging_steps"},
    )
    said |= {"snapshot": job.snapshot.name, "ranks": ranks}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def whole(folder: Path, belongs: str) -> dict[int, Whole]:
    """Return the whole checkpoints of a job in a folder, by their steps."""
    found = {}
    for path, step in _all(folder):
        try:
            mark = Whole.model_validate_json((path / WHOLE).read_bytes())
        except (OSError, ValidationError):
            continue
        if mark.digest == belongs:
            found[step] = mark
    return found


def newest(hosts: Iterable[Iterable[int]]) -> int | None:
    """Return the last step whose checkpoint is whole on every host, None for none.

    Args:
        hosts: the steps that each has whole.
    """
    common = set.intersection(*map(set, hosts))
    return max(common, default=None)


def sweep(folder: Path, kept: Container[int]) -> None:
    """Remove all checkpoints but those of the steps `kept`: what was cut off, what is of another
    job, and what lies behind the step that is resumed at."""
    for path, step in _all(folder):
        if step not in kept:
            shutil.rmtree(path)


def mark(folder: Path, step: int, found: Whole) -> None:
    """Say that the checkpoint of a step is whole; its files are on the disk by then."""
    path = path_of(folder, step)
    for file in path.rglob("*"):
        if file.is_file():
            _sync(file)
    work = path / f".{WHOLE}"
    work.write_text(found.model_dump_json(), encoding="utf-8")
    _sync(work)
    os.replace(work, path / WHOLE)


def rotate(folder: Path, keep: int) -> None:
    """Remove all whole checkpoints but the last `keep`."""
    marked = [(step, path) for path, step in _all(folder) if (path / WHOLE).exists()]
    for _, path in sorted(marked)[:-keep]:
        # Without its mark, it is cut off for whoever starts while it is being removed.
        (path / WHOLE).unlink()
        shutil.rmtree(path)


def path_of(folder: Path, step: int) -> Path:
    """Return where transformers puts the checkpoint of a step."""
    return folder / f"checkpoint-{step}"


def _all(folder: Path) -> list[tuple[Path, int]]:
    named = ((path, _NAME.fullmatch(path.name)) for path in folder.glob("checkpoint-*"))
    return [(path, int(match[1])) for path, match in named if match]


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
