"""Which of a stage's workers on this machine a process is.

Where workers share the partitions of a stage, each has a table of its own and a name of its own
in the consumer group, and both should be the same after a restart: then it finds its table as it
left it, and gets its partitions back. So a worker takes the lowest seat that is free, and a seat
is free the moment its worker has died, however it did.
"""

from __future__ import annotations

import uuid
from pathlib import Path

from streams.embedded.locks import FileLock

MOST = 256


class Seat:
    """The lowest seat of `stage` that was free; `close` gives it up.

    Args:
        home: the folder of clawback's state on this machine.

    Raises:
        RuntimeError: all seats are taken.
    """

    def __init__(self, home: Path, stage: str) -> None:
        folder = home / "workers"
        folder.mkdir(parents=True, exist_ok=True)
        self._machine = machine(home)
        for number in range(MOST):
            lock = FileLock(folder / f"{stage}.{number}.lock")
            if lock.try_acquire():
                self._lock = lock
                self.number = number
                return
            lock.close()
        raise RuntimeError(f"{MOST} workers of {stage} run on this machine already")

    @property
    def member(self) -> str:
        """Names the worker in its consumer group, among those of all machines."""
        return f"{self._machine}-{self.number}"

    def close(self) -> None:
        """Give the seat up."""
        self._lock.close()


def machine(home: Path) -> str:
    """Return what tells this machine from others; host names are too often the same."""
    folder = home / "workers"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "machine.lock")
    try:
        lock.acquire()
        file = folder / "machine"
        if not file.exists():
            file.write_text(uuid.uuid4().hex[:12])
        return file.read_text()
    finally:
        lock.close()
