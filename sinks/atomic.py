"""Replace a file as a whole: a reader, or a crash at any point, sees the old one or the new one."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from sinks.output import SinkError

BUFFER_BYTES = 1 << 20
PRIVATE_FILE = 0o600
PRIVATE_DIRECTORY = 0o700


class Stamp(NamedTuple):
    """What tells one state of a file from another."""

    inode: int
    size: int
    modified_ns: int


class ChangedMeanwhileError(Exception):
    """Somebody wrote to the file after it was read."""


def stamp(path: Path | int) -> Stamp | None:
    """Return the state of the file at a path or behind a descriptor, or None: there is none."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return Stamp(status.st_ino, status.st_size, status.st_mtime_ns)


def replace(path: Path, chunks: Iterable[bytes], seen: Stamp | None) -> Stamp:
    """Put `chunks` in place of the file at `path`, durably, and return its new stamp.

    The new content is written beside it and synced before it takes the name. The file keeps its
    permissions; a new one is private to its owner, because turns hold private mail. Where `path`
    is a symbolic link, what it points to is replaced.

    Args:
        path: the file; missing directories are made.
        chunks: its new content, taken piece by piece.
        seen: the stamp of what the new content was made from; None for no file.

    Raises:
        ChangedMeanwhileError: the file is no longer as `seen`; nothing was replaced.
        SinkError: it can't be written (disk full, permissions); the old file is untouched.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        target.parent.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        try:
            new = _write(temporary, chunks, _mode(target))
            _still(target, seen)
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
            raise
        _sync_directory(target.parent)
    except OSError as error:
        raise SinkError(_explain("write", path, error)) from error
    return new


def remove(path: Path, seen: Stamp) -> None:
    """Remove the file at `path`, durably.

    Raises:
        ChangedMeanwhileError: the file is no longer as `seen`; it is still there.
        SinkError: it can't be removed.
    """
    target = Path(os.path.realpath(path))
    try:
        _still(target, seen)
        target.unlink(missing_ok=True)
        _sync_directory(target.parent)
    except OSError as error:
        raise SinkError(_explain("remove", path, error)) from error


@contextlib.contextmanager
def reading(path: Path) -> Iterator[tuple[BinaryIO | None, Stamp | None]]:
    """Open a file to be merged: the file and its stamp from before it is read, or None and None.

    Raises:
        SinkError: it is there but can't be read.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        yield None, None
        return
    except OSError as error:
        raise SinkError(_explain("read", path, error)) from error
    with file:
        yield file, stamp(file.fileno())


def sweep(directory: Path, suffix: str) -> None:
    """Remove what a killed process left unfinished in `directory` (files ending in `suffix`)."""
    for left in directory.glob(f".*{suffix}.tmp"):
        left.unlink(missing_ok=True)


def _still(target: Path, seen: Stamp | None) -> None:
    if stamp(target) != seen:
        raise ChangedMeanwhileError(str(target))


def _write(temporary: Path, chunks: Iterable[bytes], mode: int) -> Stamp:
    # A leftover of a killed process may be a link or belong to other permissions: start anew.
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    with open(descriptor, "wb", buffering=BUFFER_BYTES) as file:
        file.writelines(chunks)
        file.flush()
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
        new = stamp(descriptor)
    assert new is not None
    return new


def _mode(target: Path) -> int:
    try:
        return target.stat().st_mode & 0o777
    except FileNotFoundError:
        return PRIVATE_FILE


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _explain(doing: str, path: Path, error: OSError) -> str:
    reason = (error.strerror or str(error)).lower()
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"can't {doing} {path}: {reason}; free some space, it is tried again"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"can't {doing} {path}: {reason}; give this user the right to {doing} it"
    return f"can't {doing} {path}: {reason}"
