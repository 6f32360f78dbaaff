"""Whether a snapshot that is there is what was once written."""

from __future__ import annotations

import hashlib
from pathlib import Path


class DamagedSnapshot(Exception):
    """A file of it is missing or another. One line that says what to do."""


def see_whole(there: Path, made: Path) -> None:
    """See that a snapshot is the same as one that was just made.

    Args:
        there: the snapshot; it may hold more.
        made: the other.

    Raises:
        DamagedSnapshot: it is not.
    """
    for file in sorted(made.rglob("*")):
        other = there / file.relative_to(made)
        if file.is_file() and not (other.is_file() and sha256(other) == sha256(file)):
            raise DamagedSnapshot(
                f"{other} is not as it was written; remove {there}, and make the snapshot again"
            )


def sha256(path: Path) -> str:
    """Return the digest of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
