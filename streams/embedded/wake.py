"""Waking the consumers of a topic in other processes, without anyone polling.

Each consumer has a named pipe for each topic it reads, ``<log>.d/wake/<topic>/<id>``, and its event
loop watches the pipe. Who appends writes one byte into each pipe of the topic after the commit.
Nothing depends on the byte's arrival: a consumer looks at the log by itself every few seconds, and
so a pipe that was left over, full or removed costs time, never records.
"""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote


def _folder(side: Path, topic: str) -> Path:
    # A dot is legal in a topic and quoting leaves it, so "." and ".." need the prefix.
    return side / "wake" / f"t-{quote(topic, safe='')}"


def wake(side: Path, topics: Iterable[str]) -> None:
    """Wake all consumers of these topics of the log whose side folder this is."""
    for topic in topics:
        folder = _folder(side, topic)
        try:
            names = os.listdir(folder)
        except FileNotFoundError:
            continue
        for name in names:
            if not name.startswith("."):
                _ring(folder / name)


def _ring(pipe: Path) -> None:
    try:
        fd = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        # Nobody has it open for reading: its consumer has died.
        pipe.unlink(missing_ok=True)
        return
    try:
        # A full pipe has woken its reader already; a broken one has lost it just now.
        with suppress(BlockingIOError, BrokenPipeError):
            os.write(fd, b"\0")
    finally:
        os.close(fd)


class Bell:
    """A consumer's end: one pipe for each of its topics.

    `descriptors` become readable when one of the topics has new records; `silence` empties them.
    """

    def __init__(self, side: Path, topics: Iterable[str]) -> None:
        self._pipes: dict[Path, int] = {}
        identity = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        for topic in topics:
            folder = _folder(side, topic)
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._pipes[folder / identity] = _listen(folder / identity)

    @property
    def descriptors(self) -> list[int]:
        """File descriptors to watch for reading."""
        return list(self._pipes.values())

    def silence(self) -> None:
        """Empty the pipes; look at the log after this, not before."""
        for fd in self._pipes.values():
            with suppress(BlockingIOError):
                while os.read(fd, 4096):
                    pass

    def close(self) -> None:
        """Remove the pipes."""
        for pipe, fd in self._pipes.items():
            pipe.unlink(missing_ok=True)
            os.close(fd)
        self._pipes.clear()


def _listen(pipe: Path) -> int:
    """Make the pipe and open it for reading.

    It gets its name when it is open: a writer who saw it before would take it for left over. It is
    opened for writing too, so that it never reads as ended when a writer closes it.
    """
    unopened = pipe.with_name(f".{pipe.name}")
    os.mkfifo(unopened, 0o600)
    try:
        fd = os.open(unopened, os.O_RDWR | os.O_NONBLOCK)
        unopened.rename(pipe)
    except BaseException:
        unopened.unlink(missing_ok=True)
        raise
    return fd
