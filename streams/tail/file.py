"""One followed file: whether what was read of it still stands there, and what comes after that."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING

from streams.tail.chain import Chain, Read, feed
from streams.tail.lines import Line, split
from streams.tail.signature import Signature

if TYPE_CHECKING:
    from hashlib import blake2b as Hash

CHUNK_BYTES = 1024 * 1024

SETTLED_SECONDS = 2.0
"""Age from which a file's times prove that it did not change since: coarser than the clocks of
the file systems (4 ms on ext4, 1 s on HFS+, 2 s on FAT)."""

_ATTEMPTS = 3


class Doubt(Enum):
    """How much of what was read before is to be checked."""

    TAIL = "it grew, or changed too lately for its times to tell"
    WHOLE = "it changed in another way than by growing"


def doubt(seen: Signature | None, now: Signature) -> Doubt:
    """Decide how much of what was read of a file is to be checked before it is read on.

    Args:
        seen: the file when it was last read, None if it never was.
        now: the file as it is.
    """
    if seen == now:
        return Doubt.TAIL
    if seen is not None and seen.identity == now.identity and now.size > seen.size:
        return Doubt.TAIL
    return Doubt.WHOLE


class Moved(Exception):
    """Another file stands at the path than the one that was seen there."""


class Unsteady(Exception):
    """The file changed under every attempt to read it."""


class FollowedFile:
    """A file and how far it has been read.

    Attributes:
        path: where it stands now.
        chain: what has been read.
        signature: the file when it was last looked at.
        at_end: whether all complete lines there were then have been read.
        settled: whether its times were old enough then to be different after any change.
        grown: when lines were last found in it (its modification time, seconds since the epoch).
        marked: the last marker that was made for its present end; see `streams.tail.markers`.
        kept: how many closed segments of the chain its last checkpoint has too.
    """

    __slots__ = ("at_end", "chain", "grown", "kept", "marked", "path", "settled", "signature")

    def __init__(
        self,
        path: str,
        chain: Chain,
        *,
        signature: Signature | None = None,
        at_end: bool = False,
        settled: bool = False,
        grown: float = 0.0,
        marked: int = 0,
    ) -> None:
        self.path = path
        self.chain = chain
        self.signature = signature
        self.settled = settled
        self.at_end = at_end
        self.grown = grown
        self.marked = marked
        self.kept = chain.closed

    @property
    def offset(self) -> int:
        """Where the next line starts."""
        return self.chain.offset

    def stands(self) -> bool:
        """Whether the file is at this moment as it was when it was last looked at."""
        try:
            return Signature.of(os.stat(self.path)) == self.signature
        except OSError:
            return False

    def read(self, identity: tuple[int, int], *, slice_bytes: int, max_line: int) -> list[Line]:
        """Return the next lines, about `slice_bytes` of them; `at_end` says whether that was all.

        Where the file no longer holds what was read, reading goes on from the last line end up
        to which it does, at worst from its start.

        Args:
            identity: device and inode of the file that is meant.
            slice_bytes: about how much to read at once.
            max_line: longest line that is returned whole.

        Raises:
            Moved: another file stands there now.
            Unsteady: it is being rewritten all the time; try again later.
            OSError: it could not be opened or read.
        """
        with _opened(self.path) as descriptor:

            def read(size: int, position: int) -> bytes:
                return os.pread(descriptor, size, position)

            for _ in range(_ATTEMPTS):
                # Their clock, not the owner's settings': it is compared with times of files.
                clock = time.time()
                now = Signature.of(os.fstat(descriptor))
                if now.identity != identity:
                    raise Moved(self.path)
                before = self.offset
                hasher = self._trust(read, now)
                if hasher is None:
                    continue
                mark, start = self.chain.mark(), self.offset
                try:
                    lines, at_end = self._take(read, hasher, slice_bytes, max_line)
                    # A file cut and grown again while it was read may have given bytes of both.
                    steady = Signature.of(os.fstat(descriptor)) == now or self.chain.holds(
                        read, mark[0]
                    )
                except BaseException:
                    self.chain.back(mark)
                    raise
                if not steady:
                    self.chain.back(mark)
                    continue
                if self.offset > start or start < before:
                    self.grown = now.modified / 1e9
                    self.marked = 0
                self.signature, self.at_end = now, at_end
                self.settled = clock - max(now.modified, now.changed) / 1e9 > SETTLED_SECONDS
                return lines
        raise Unsteady(self.path)

    def _trust(self, read: Read, now: Signature) -> Hash | None:
        """Go back to where the file is as it was read, and return the hash of the open segment;
        None if the file changed meanwhile."""
        if doubt(self.signature, now) is Doubt.WHOLE:
            self._cut(read)
        hasher = self.chain.hasher(read)
        if hasher is None:
            self._cut(read)
            hasher = self.chain.hasher(read)
        return hasher

    def _cut(self, read: Read) -> None:
        self.chain.cut(read)
        self.kept = min(self.kept, self.chain.closed)

    def _take(
        self, read: Read, hasher: Hash, slice_bytes: int, max_line: int
    ) -> tuple[list[Line], bool]:
        """Read the lines of a slice into the chain; the second says whether the file ended."""
        ended = False

        def watched(size: int, position: int) -> bytes:
            nonlocal ended
            data = read(size, position)
            ended = not data
            return data

        lines = []
        end = self.offset
        for line in split(
            watched, end, chunk=CHUNK_BYTES, slice_bytes=slice_bytes, max_line=max_line
        ):
            hasher = self.chain.before_line(hasher, line.offset)
            end = line.offset + line.size
            if line.whole:
                hasher.update(line.data)
                hasher.update(b"\n")
            elif not feed(hasher, read, line.offset, end):
                raise Unsteady(self.path)
            lines.append(line)
        self.chain.stop(hasher, end)
        return lines, ended


@contextmanager
def _opened(path: str) -> Iterator[int]:
    # Without O_NONBLOCK, opening a named pipe of that name would wait for its writer for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
