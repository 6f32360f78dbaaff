"""What a host writes, as the launcher's machine gets to see it while it grows."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHUNK = 48 * 1024


class Mirror:
    """Notices what has been added to a folder's files.

    Args:
        folder: a run's folder.
        names: of files in it, beside all that lie in `logs`.
    """

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        self._folder = folder
        self._names = names
        self._sent: dict[str, int] = {}

    def news(self) -> Iterator[dict[str, Any]]:
        """Yield what is new, in pieces that `write` takes."""
        for name in [*self._names, *_logs(self._folder)]:
            path = self._folder / name
            try:
                size = path.stat().st_size
            except FileNotFoundError:
                continue
            at = self._sent.get(name, 0)
            if size == at:
                continue
            if size < at:  # begun anew
                at = 0
            with path.open("rb") as file:
                file.seek(at)
                while piece := file.read(CHUNK):
                    self._sent[name] = at + len(piece)
                    yield {"file": name, "at": at, "data": base64.b64encode(piece).decode()}
                    at += len(piece)

    def last_written(self) -> float:
        """Return when a log was last written to, in seconds since the epoch; 0 for never."""
        return max((_modified(self._folder / name) for name in _logs(self._folder)), default=0.0)


def write(folder: Path, piece: dict[str, Any]) -> None:
    """Put a piece where it belongs; what lay behind it is cut off.

    Raises:
        ValueError: a name that leads out of the folder.
        OSError: it can't be written.
    """
    path = folder / piece["file"]
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{piece['file']!r} lies outside the run's folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(fd, "wb") as file:
        data = base64.b64decode(piece["data"])
        file.truncate(piece["at"])
        file.seek(piece["at"])
        file.write(data)


def _logs(folder: Path) -> list[str]:
    return sorted(f"logs/{path.name}" for path in (folder / "logs").glob("*.log"))


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
