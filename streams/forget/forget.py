"""Forgetting, from the list that keeps it forgotten to the last file.

In this order, so that a kill at any point leaves nothing that could come back: first the list is
written, then the log, then the tables that were computed from it go (stages build them anew from
the topics), then the files. Forgetting the same once more finishes what a kill left.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from schemas.settings import Settings
from streams.broker import log_path
from streams.embedded.locks import FileLock
from streams.embedded.log import Log
from streams.forget.files import holding, rewrite_files, snapshots
from streams.forget.find import Found, find, has_session
from streams.forget.forgotten import Forgetting, read, write
from streams.forget.home import read_key
from streams.forget.rewrite import rewrite
from streams.forget.target import Target
from streams.forget.trained import Seen, trained_on
from streams.supervisor.lock import AlreadyRunning, HomeLock


class InUse(Exception):
    """Something is at work on the home. The message says what, and what to do."""


@dataclass(frozen=True, slots=True)
class Forgot:
    """What was forgotten, or would be.

    `records` counts by topic; `files` the lines of each file below the output directory;
    `snapshots` are data sets that were made before and are not changed; `trained` the runs that
    have seen it, or may have. `left` are files that still have the text among their bytes, such as
    snapshots; it is looked for where a text was forgotten, and not a session or an expression.
    """

    target: Target
    found: Found
    records: dict[str, int] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    snapshots: list[str] = field(default_factory=list)
    trained: list[Seen] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Hold the home, so that no stage begins meanwhile.

    A stage has records and tables in memory, and would write some of them again; so nothing is
    forgotten under a running line.

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
        for path in [home / "tail" / "lock", *sorted((side / "groups").glob("g-*"))]:
            if path.exists():
                held = FileLock(path)
                stack.callback(held.close)
                if not held.try_acquire():
                    raise InUse(
                        f"a worker holds {path}; stop all `clawback worker` processes on {home} "
                        "first, forget, and start them again"
                    )
        yield


def make_target(log: Log, given: str, *, regex: bool = False) -> Target:
    """Return what is meant: a session if the log has one of this id, else a text.

    Raises:
        BadPattern: the pattern can't be used.
    """
    if regex:
        return Target("regex", given)
    return Target("session" if has_session(log, given) else "text", given)


def forget(settings: Settings, log: Log, target: Target, *, dry: bool = False) -> Forgot:
    """Forget a target; only look with `dry`. Nobody else may be at work (`alone`).

    Raises:
        LogError, PrivacyError, SinkError, ChangedMeanwhileError: it could not be done to the end;
            doing it again goes on.
    """
    home, output = settings.paths.home, settings.paths.output
    key = read_key(home)
    forgotten = read(home, key)
    found = find(log, target, forgotten)
    trained = trained_on(log, output / "snapshots", target, found)
    if not dry:
        is_session = target.kind == "session"
        write(
            home,
            Forgetting(
                at_ms=int(time.time() * 1000),
                session=target.given if is_session else "",
                pattern="" if is_session else forgotten.digest(target.given.encode()),
                lines=(*found.lines, *found.definitions),
            ),
        )
        rewrite(log, found.offsets, [f"{settings.broker.prefix}.pairs"])
        for tables in _tables(home):
            shutil.rmtree(tables)
    files = rewrite_files(output, target, found, dry=dry)
    look = target.kind == "text" and not dry
    left = holding([home, output], target.given) if look else []
    return Forgot(
        target,
        found,
        dict(sorted(found.topics.items())),
        {str(path): count for path, count in files.items()},
        [str(path) for path in snapshots(output)],
        trained,
        [str(path) for path in left],
    )


def _tables(home: Path) -> list[Path]:
    """Return the directories of the stages' tables, those of lineages too."""
    return [path for path in (home / "tables", *home.glob("lineages/*/tables")) if path.is_dir()]
