"""Being alone on a home: nothing is forgotten under a running line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from schemas.settings import Settings
from streams.broker import log_path
from streams.embedded.locks import FileLock
from streams.supervisor.lock import AlreadyRunning, HomeLock


class InUse(Exception):
    """Something is at work on what is to be changed. The message says what, and what to do."""


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Hold the home, so that no stage begins meanwhile.

    A stage has records and tables in memory, and would write some of them again.

    Raises:
        InUse: a line, or a single worker, runs on it.
    """
    home = settings.paths.home
    lock = HomeLock(home)
    try:
        lock.acquire()
    except AlreadyRunning as error:
        raise InUse(
            f"clawback is running on {home} (process {error.pid or 'unknown'}); stop it first "
            "(Ctrl-C), forget, and start it again"
        ) from error
    with ExitStack() as stack:
        stack.callback(lock.release)
        side = log_path(settings).with_name(log_path(settings).name + ".d")
        # On Kafka each worker has a seat.
        seats = sorted((home / "workers").glob("*.[0-9]*.lock"))
        for path in [home / "tail" / "lock", *sorted((side / "groups").glob("g-*")), *seats]:
            if path.exists():
                held = FileLock(path)
                stack.callback(held.close)
                if not held.try_acquire():
                    raise InUse(
                        f"a worker holds {path}; stop all `clawback worker` processes on {home} "
                        "first, forget, and start them again"
                    )
        yield
