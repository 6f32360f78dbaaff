"""Checks of the machine: Python, SQLite, the home's file system, the clock."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from streams.status.checks.finding import Finding

GB = 1_000_000_000
LOW_SPACE = 5 * GB
NO_SPACE = GB // 2
OLDEST_SQLITE = (3, 35, 0)
"""The first with RETURNING, which the log uses."""

REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p", "afs", "glusterfs"})
WRITTEN = datetime(2026, 1, 1).timestamp()
"""A clock that is behind this is wrong: this program was not there yet."""


def python() -> Iterator[Finding]:
    """Say which interpreter runs; one that is too old could not have installed this."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("ok", "python", f"{version} ({sys.executable})")


def sqlite() -> Iterator[Finding]:
    """Check the SQLite that the log is kept with."""
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        yield Finding(
            "problem",
            "sqlite",
            f"{sqlite3.sqlite_version} is too old",
            "use a Python that is built with SQLite 3.35 or newer",
        )
    else:
        yield Finding("ok", "sqlite", sqlite3.sqlite_version)


def home(subject: str, path: Path, mounts: Path = Path("/proc/mounts")) -> Iterator[Finding]:
    """Check that a directory can be written, locked, and lies on a disk of this machine."""
    nearest = _nearest(path)
    where = str(path) if nearest == path else f"{path} (to be made in {nearest})"
    try:
        with tempfile.TemporaryFile(dir=nearest) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.fsync(file.fileno())
    except OSError as error:
        yield Finding(
            "problem",
            subject,
            f"{where} can't be written and locked: {error.strerror}",
            f"let {_user()} write there, or set {subject} to another directory",
        )
        return
    kind = file_system(nearest, mounts)
    if kind in REMOTE:
        yield Finding(
            "problem" if subject == "paths.home" else "warning",
            subject,
            f"{where} is on a network file system ({kind})",
            f"set {subject} to a local disk: locks and the log's memory map need one",
        )
    else:
        yield Finding("ok", subject, f"{where} can be written and locked")


def free_space(path: Path) -> Iterator[Finding]:
    """Check that there is room for the log, which keeps everything."""
    free = shutil.disk_usage(_nearest(path)).free
    message = f"{free / GB:.1f} GB free at {path}"
    advice = "make room, or let old records go with retention in [broker]"
    if free < NO_SPACE:
        yield Finding("problem", "space", message, advice)
    elif free < LOW_SPACE:
        yield Finding("warning", "space", message, advice)
    else:
        yield Finding("ok", "space", message)


def clock(timezone: str, now: float | None = None) -> Iterator[Finding]:
    """Check that the clock is not plainly wrong, and say by which time zone days are told."""
    now = time.time() if now is None else now
    if now < WRITTEN:
        yield Finding(
            "problem",
            "clock",
            f"it says {datetime.fromtimestamp(now):%Y-%m-%d}, which is long past",
            "set the clock: turn files are named by date, and windows are measured in time",
        )
    zone = timezone or time.strftime("%Z (%z)", time.localtime(now))
    source = "" if timezone else ", this machine's"
    yield Finding("ok", "time zone", f"{zone}{source}: turns/ has a file for each day of it")


def file_system(path: Path, mounts: Path = Path("/proc/mounts")) -> str:
    """Return the type of the file system that `path` is on, or "" where that is not told."""
    try:
        listing = mounts.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    best, kind = "", ""
    target = str(path.resolve())
    for line in listing.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        point = fields[1].replace("\\040", " ")
        inside = target == point or target.startswith(point.rstrip("/") + "/")
        # A later mount on the same point covers the earlier.
        if inside and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind


def _nearest(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _user() -> str:
    return os.environ.get("USER") or f"user {os.getuid()}"
