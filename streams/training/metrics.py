"""Following what a training writes of itself."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from schemas.training import TrainingProgress


class Metrics:
    """A file of one `TrainingProgress` a line that grows; another process writes it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0

    def news(self) -> TrainingProgress | None:
        """Return the last progress that was written since the last call, or None."""
        try:
            with self._path.open("rb") as file:
                if file.seek(0, 2) < self._at:
                    # It was begun anew, by a training that goes on from a checkpoint.
                    self._at = 0
                file.seek(self._at)
                written = file.read()
        except FileNotFoundError:
            return None
        whole, newline, _ = written.rpartition(b"\n")
        self._at += len(whole) + len(newline)
        for line in reversed(whole.splitlines()):
            try:
                return TrainingProgress.model_validate_json(line)
            except ValidationError:
                continue
        return None
