"""By what a file is known again, and seen to have changed."""

from __future__ import annotations

import os
import struct
from typing import NamedTuple

# Device and inode numbers use all 64 bits on some file systems; SQLite's integers have a sign.
_PACKED = struct.Struct("<QQqqq")


class Signature(NamedTuple):
    """What a file system says about a file; times in nanoseconds since the epoch."""

    device: int
    inode: int
    size: int
    modified: int
    changed: int

    @classmethod
    def of(cls, result: os.stat_result) -> Signature:
        """Take it from what `os.stat` says."""
        return cls(
            result.st_dev, result.st_ino, result.st_size, result.st_mtime_ns, result.st_ctime_ns
        )

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode: the same after a rename, but also of another file after a deletion."""
        return self.device, self.inode

    def pack(self) -> bytes:
        """Return it as bytes, for a checkpoint."""
        return _PACKED.pack(*self)

    @classmethod
    def unpack(cls, data: bytes) -> Signature:
        """Read what `pack` wrote.

        Raises:
            struct.error: it is something else.
        """
        return cls(*_PACKED.unpack(data))
