"""Calibrations on record: one JSON file each, so that a panel can be checked years later."""

from __future__ import annotations

import os
from pathlib import Path

from agents.judges.calibration.result import Result


class CorruptResult(ValueError):
    """A file among the results that holds none."""


def save_result(folder: Path, result: Result) -> Path:
    """Write a result below a folder and return where; the file is whole or not there at all."""
    path = folder / result.identity.judge / f"{result.at_ms}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".new")
    unfinished.write_text(result.model_dump_json(by_alias=True, indent=2) + "\n")
    os.replace(unfinished, path)
    return path


def load_results(folder: Path) -> list[Result]:
    """Return all results below a folder, of each judge from old to new; none where it is missing.

    Raises:
        CorruptResult: a file there holds something else.
    """
    results = []
    for path in sorted(folder.glob("*/*.json")):
        try:
            results.append(Result.from_bytes(path.read_bytes()))
        except ValueError as error:
            raise CorruptResult(f"{path} holds no calibration result: {error}") from error
    return sorted(results, key=lambda result: (result.identity.judge, result.at_ms))
