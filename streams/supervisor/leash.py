"""The line between the supervisor and a worker: a worker does not outlive it.

A worker's standard input is one end of a socket pair. The kernel closes the supervisor's end when
the supervisor dies, however it dies, and the worker sees the end of its input. (Linux has a signal
for that; macOS has none.) On the same line a worker says which of its stages are ready, and which
wait.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress

LEASH = "CLAWBACK_LEASH"
"""Set to the leash's file descriptor in the environment of a worker that is on one."""

GRACE = 4.0
ORPHANED = 75
"""Exit code of a worker that had to end itself."""


def descriptor() -> int | None:
    """Return the leash's file descriptor, or None in a worker that nobody supervises."""
    value = os.environ.get(LEASH, "")
    return int(value) if value.isdecimal() else None


def hold(released: Callable[[], None] | None = None, *, grace: float = GRACE) -> bool:
    """End this process when its supervisor is gone; return whether there is a leash at all.

    When the supervisor dies, `released` is called from a thread; by default this process gets a
    SIGTERM, so that it drains as on any other stop. If it is still there `grace` seconds later, it
    is ended at once.
    """
    leash = descriptor()
    if leash is None:
        return False
    thread = threading.Thread(
        target=_watch, args=(leash, released or _terminate, grace), name="leash", daemon=True
    )
    thread.start()
    return True


def ready(stage: str) -> None:
    """Tell the supervisor that `stage` is at work; nothing happens where there is none."""
    _say(f"ready {stage}")


def paused(stage: str, *, yes: bool) -> None:
    """Tell the supervisor whether `stage` waits for something out of its hands. While it does, it
    is not taken for one that hangs."""
    _say(f"{'paused' if yes else 'resumed'} {stage}")


def _say(line: str) -> None:
    leash = descriptor()
    if leash is not None:
        # A supervisor that has died is the watching thread's matter.
        with suppress(OSError):
            os.write(leash, f"{line}\n".encode())


def _watch(leash: int, released: Callable[[], None], grace: float) -> None:
    with suppress(OSError):
        while os.read(leash, 4096):
            continue
    released()
    time.sleep(grace)
    os._exit(ORPHANED)


def _terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
