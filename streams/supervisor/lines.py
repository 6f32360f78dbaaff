"""Where the workers' lines go: the console, and a bounded file for each process."""

from __future__ import annotations

import logging
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO

FILE_BYTES = 5_000_000
KEPT_FILES = 3
LINE_CHARS = 4_000
OWN = "clawback"


class Splitter:
    """Cuts a worker's output into lines of bounded length."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[str]:
        """Return the lines that `chunk` completes."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) >= LINE_CHARS:
            lines.append(self._rest)
            self._rest = b""
        return [_text(line) for line in lines if line.strip()]

    def end(self) -> list[str]:
        """Return what stands after the last line end."""
        rest, self._rest = self._rest, b""
        return [_text(rest)] if rest.strip() else []


class Lines:
    """Takes lines by process name. Files are `<folder>/<name>.log` and their older ones.

    The console may be missing or go away; the files go on.
    """

    def __init__(
        self, folder: Path, console: TextIO | None, *, width: int = 0, verbose: bool = False
    ) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._console = console
        self._width = width
        self._verbose = verbose
        self._files: dict[str, RotatingFileHandler] = {}

    def say(self, text: str) -> None:
        """Take a line of the supervisor's own."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        self._store(OWN, f"{stamp} {text}")
        self._show(OWN, text)

    def take(self, name: str, line: str, *, show: bool = True) -> None:
        """Take a line of a worker; without `show` for its file only."""
        self._store(name, line)
        if show and (self._verbose or not _chatter(line)):
            self._show(name, line)

    def close(self) -> None:
        """Close the files."""
        for handler in self._files.values():
            handler.close()

    def _store(self, name: str, line: str) -> None:
        handler = self._files.get(name)
        if handler is None:
            handler = self._files[name] = RotatingFileHandler(
                self._folder / f"{name}.log",
                maxBytes=FILE_BYTES,
                backupCount=KEPT_FILES,
                encoding="utf-8",
                errors="replace",
                delay=True,
            )
        handler.handle(logging.makeLogRecord({"msg": line}))

    def _show(self, name: str, line: str) -> None:
        if self._console is None:
            return
        try:
            self._console.write(f"{name:<{self._width}} | {line}\n")
            self._console.flush()
        except OSError:
            # Whoever read it is gone, as in `clawback run 2>&1 | head`.
            self._console = None


def _text(line: bytes) -> str:
    return line[:LINE_CHARS].decode("utf-8", "replace").rstrip()


def _chatter(line: str) -> bool:
    """Whether a worker's line is only of interest to someone who asked for more."""
    return line.startswith(("INFO ", "DEBUG "))
