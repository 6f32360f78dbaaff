"""``python -m trainer.launch.rank MODULE JOB``: one rank, as torchrun starts it.

It writes into a log of its own, ends with its torchrun, and becomes the module it is told to run.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys
import threading
import time
from pathlib import Path

TORCHRUN = "CLAWBACK_TORCHRUN"
"""The process id of the torchrun that a rank belongs to."""

NODE = "CLAWBACK_NODE"
LOGS = "CLAWBACK_LOGS"

LOOK_EVERY = 0.5
PR_SET_PDEATHSIG = 1


def log_name(node: str, rank: int) -> str:
    """Return the name of a rank's log."""
    return f"{node}.{rank}.log"


def end_with(parent: int) -> None:
    """Have this process killed when `parent`, which started it, is dead.

    On Linux the kernel does it, even to a process that hangs in a driver's call; elsewhere a
    thread looks.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    threading.Thread(target=_watch, args=(parent,), name="parent", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY)
    os._exit(1)


def _write_to(path: Path) -> None:
    """Send what this process and its children print into a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    os.close(fd)


def main() -> None:
    """Become the module."""
    end_with(int(os.environ[TORCHRUN]))
    _write_to(Path(os.environ[LOGS]) / log_name(os.environ[NODE], int(os.environ["RANK"])))
    module, *arguments = sys.argv[1:]
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
