"""Workers that die, or hang, at a chosen moment: where it would hurt most if the order were wrong.

As a supervisor (``python -m tests.faults.crashing FD``) this is the real one, but for the command
that starts its workers. As a worker (``python -m tests.faults.crashing STAGE...``) it is the real
one, but for calls that end the process with SIGKILL before they return, each once in a run.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sinks import atomic
from streams import worker
from streams.batch import BatchStage
from streams.broker import EmbeddedBroker
from streams.supervisor import __main__ as real
from streams.supervisor import supervise
from streams.supervisor.plan import ProcessSpec
from streams.table import TableStore
from streams.tail.checkpoint import Checkpoints

DIARY = "FAULTS_DIARY"
"""Names the directory in which workers note where they have died already."""

HANG = "FAULTS_HANG"
"""Names a stage that hangs once instead of dying; nobody dies then."""


class Diary:
    """Says when to die, and remembers it beyond death."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name

    def die(self, point: str) -> None:
        """End this process if it has not died here before."""
        if self.first(f"{self._name} {point}"):
            os.kill(os.getpid(), signal.SIGKILL)

    def first(self, what: str) -> bool:
        """Say whether this is the first time in the run."""
        note = self._folder / what
        if note.exists():
            return False
        note.touch()
        return True


def deaths(folder: Path) -> set[tuple[str, str]]:
    """Return which processes have died at which point."""
    return {(note.name.split()[0], note.name.split()[1]) for note in folder.iterdir()}


def install(diary: Diary) -> None:
    """Put the deaths in place."""
    publish = EmbeddedBroker.publish

    async def published(self: EmbeddedBroker, records: Sequence[Any]) -> None:
        await publish(self, records)
        if records:
            diary.die("published")

    EmbeddedBroker.publish = published  # type: ignore[method-assign]
    commit = TableStore.commit

    def written(self: TableStore) -> None:
        changes = bool(self._pending)
        commit(self)
        if changes:
            diary.die("written")

    TableStore.commit = written  # type: ignore[method-assign]
    _after(Checkpoints, "store", lambda: diary.die("checkpointed"))
    _after(atomic, "_sync_directory", lambda: diary.die("replaced"))


def install_hang(diary: Diary, stage: str) -> None:
    """Have the agent of a stage wait for ever for something that never comes."""
    handle = BatchStage._handle

    async def hanging(self: BatchStage, records: Sequence[Any]) -> None:
        if self.name == stage and diary.first(f"{stage} hung"):
            await asyncio.Event().wait()
        await handle(self, records)

    BatchStage._handle = hanging  # type: ignore[method-assign]


def _after(owner: Any, name: str, then: Callable[[], None]) -> None:
    original = getattr(owner, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        then()
        return result

    setattr(owner, name, wrapped)


def main(arguments: Sequence[str]) -> int:
    """Be the supervisor if given a file descriptor, else a worker."""
    if arguments[0].isdecimal():
        supervise.worker_command = _command  # type: ignore[assignment]
        return real.main(arguments)
    diary = Diary(Path(os.environ[DIARY]), arguments[0].partition("@")[0])
    if HANG in os.environ:
        install_hang(diary, os.environ[HANG])
    else:
        install(diary)
    return worker.main(arguments)


def _command(spec: ProcessSpec, **_: object) -> list[str]:
    return [sys.executable, "-m", __spec__.name, *spec.stages]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
