"""One `clawback run` for each home directory."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path


class AlreadyRunning(Exception):
    """Another supervisor holds the home; `pid` is its process, or None if it did not say."""

    def __init__(self, home: Path, pid: int | None) -> None:
        who = f"process {pid}" if pid else "another process"
        super().__init__(
            f"clawback is already running on {home} ({who}); stop that one first, "
            "or give this one a home of its own with --home"
        )
        self.pid = pid


class HomeLock:
    """The right to run on a home, held from `acquire` until the process ends or `release`.

    The kernel lets go of it when the holder dies, so no stale lock is ever left behind.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._fd: int | None = None

    @property
    def path(self) -> Path:
        """The lock file. It stays when the lock is released, since others may wait on it."""
        return self._home / "run" / "lock"

    def acquire(self) -> None:
        """Take the home.

        Raises:
            AlreadyRunning: another process has it.
            OSError: the home can't be written.
        """
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(fd)
        except BlockingIOError:
            pid = _pid(fd)
            os.close(fd)
            raise AlreadyRunning(self._home, pid) from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._fd = fd

    def release(self) -> None:
        """Let another have it."""
        if self._fd is not None:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = None

    def holder(self) -> int | None:
        """Return the pid of the process that holds the home, 0 if it has not said, None if no one
        does."""
        try:
            fd = os.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            # Shared, so that two that look do not take each other for a holder.
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _pid(fd) or 0
        else:
            return None
        finally:
            os.close(fd)


def _lock(fd: int) -> None:
    """Lock exclusively; one who only looks holds the file for an instant, so try a few times."""
    for _ in range(5):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)
        else:
            return
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _pid(fd: int) -> int | None:
    text = os.pread(fd, 32, 0).strip()
    return int(text) if text.isdigit() else None
