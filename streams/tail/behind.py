"""How much the tailer has still to read, seen from outside it: it commits to no consumer group.

Free of the settings, as the supervisor carries it all day.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from streams.tail.chain import unpack
from streams.tail.names import parse_followed
from streams.tail.signature import Signature


@dataclass(frozen=True, slots=True)
class Behind:
    """Bytes of session files beyond the checkpoints; `mark` changes with every checkpoint."""

    bytes: int
    mark: int


@dataclass(frozen=True, slots=True)
class _Read:
    """A checkpoint: which file it was, and up to where it is done with."""

    path: str
    identity: tuple[int, int]
    end: int


def behind(roots: Sequence[Path], checkpoints: Path) -> Behind:
    """Compare the session files that can be read with what the checkpoints have of them.

    A last line that is not ended is done with once the tailer has seen it. Without checkpoints
    everything is still to be read.

    Args:
        roots: the state directories.
        checkpoints: their file, see `streams.tail.checkpoint`.
    """
    reads, mark = _checkpoints(checkpoints)
    by_identity = {read.identity: read.end for read in reads}
    by_path = {read.path: read.end for read in reads}
    total = 0
    for path, seen in _files(roots):
        identity = (seen.st_dev, seen.st_ino)
        end = by_identity.get(identity, by_path.get(path, 0))
        if seen.st_size > end and _readable(path, end):
            total += seen.st_size - end
    return Behind(total, mark)


def _checkpoints(path: Path) -> tuple[list[_Read], int]:
    digest = blake2b(digest_size=7)
    reads = []
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            rows = database.execute(
                "SELECT root, agent, name, signature, at_end, marked, stops, "
                "(SELECT max(end) FROM segments WHERE file = id) FROM files ORDER BY id"
            ).fetchall()
    except sqlite3.Error:
        # There are none yet, or the tailer is about to say that they are damaged.
        return [], 0
    for root, agent, name, packed, at_end, marked, stops, closed in rows:
        digest.update(b"%s %d %d %s " % (packed or b"", at_end, marked, stops))
        signature = Signature.unpack(packed) if packed else None
        ends = [end for end, _ in unpack(stops)]
        end = signature.size if signature and at_end else max([closed or 0, *ends])
        identity = signature.identity if signature else (0, 0)
        reads.append(_Read(f"{root}/agents/{agent}/sessions/{name}", identity, end))
    return reads, int.from_bytes(digest.digest())


def _files(roots: Sequence[Path]) -> Iterator[tuple[str, os.stat_result]]:
    for root in roots:
        for agent in _names(f"{os.path.normpath(root)}/agents"):
            folder = f"{os.path.normpath(root)}/agents/{agent}/sessions"
            for name in _names(folder):
                if parse_followed(name) is None:
                    continue
                path = f"{folder}/{name}"
                try:
                    seen = os.stat(path)
                except OSError:
                    continue
                if stat.S_ISREG(seen.st_mode):
                    yield path, seen


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _readable(path: str, offset: int) -> bool:
    """Whether the tailer could read on; it has said so itself if not."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return bool(os.pread(descriptor, 1, offset))
    except OSError:
        return False
    finally:
        os.close(descriptor)
