"""One launch at a time in a folder, one agent at a time on a host."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

LOOK_EVERY = 0.2


def hold(path: Path, seconds: float, waited: Callable[[], bool] = lambda: True) -> int | None:
    """Return a file descriptor that holds the lock, or None if it can't be had in time.

    The kernel frees it when all who have the descriptor are dead.

    Args:
        path: the lock's file, which stays.
        seconds: how long to wait for whoever has it.
        waited: called while waiting; False gives up.

    Raises:
        OSError: there can be no such file.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    end = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end or not waited():
                os.close(fd)
                return None
            time.sleep(LOOK_EVERY)
        else:
            return fd
