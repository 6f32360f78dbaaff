"""Files that are whole or not there, whenever the process dies."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PRIVATE_DIRECTORY = 0o700
PRIVATE_FILE = 0o600
READ_ONLY = 0o400


def put(path: Path, content: bytes) -> None:
    """Replace a file in one step, durably. Only one may write it at a time.

    Raises:
        OSError: it can't be written; what was there is untouched.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def append(path: Path, line: bytes) -> None:
    """Add a line to a file, durably. What a killed process left of its line is closed off first.

    Raises:
        OSError: it can't be written; a part of the line may be there.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, PRIVATE_FILE)
    try:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        with open(descriptor, "ab", closefd=False) as file:
            file.write((b"\n" if torn else b"") + line + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync(path.parent)


def link_tree(source: Path, target: Path) -> None:
    """Put the files below `source` below `target` as well, read-only.

    They are the same files on the disk where it can be done, and copies elsewhere; so what wrote
    them must have finished. Links are followed: a copy does not depend on what they point to.

    Raises:
        OSError: it can't be done; a part may be there.
    """
    for path in sorted(source.rglob("*")):
        if path.is_file():
            link(path, target / path.relative_to(source))


def link(source: Path, target: Path) -> None:
    """Put one file in a second place, see `link_tree`."""
    target.parent.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
    real = source.resolve()
    try:
        os.link(real, target)
    except OSError:  # another disk, or a file system without hard links
        shutil.copyfile(real, target)
    os.chmod(target, READ_ONLY)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def sha256(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(directory: Path) -> None:
    """Make the names in a directory and in all below it durable."""
    for path, _, _ in os.walk(directory):
        sync(Path(path))


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Be the only one, waiting for others. The kernel lets go of the lock when its holder dies."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
