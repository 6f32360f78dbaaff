"""A fingerprint of what has been read of a file, to tell whether it still stands there.

What was read is covered by digests of consecutive segments that end at line ends. With them a
rewritten or shortened file shows how far it is still the same, and reading goes on from there; a
size, a time or an inode number shows none of that.

The last segment is open: it grows with the file and always holds at least the last line read, so
that checking it alone (at most a segment's length) tells an append from a rewrite. The last
places at which reading stopped inside it are kept too: OpenClaw takes back its latest lines when
a heartbeat had nothing to say, which then leads back to exactly the line before them.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import blake2b as Hash

SEGMENT_BYTES = 64 * 1024
"""Length from which a segment is closed at the next line."""

DIGEST_BYTES = 16
_STOPS = 16
_STOP = struct.Struct(f"<Q{DIGEST_BYTES}s")
_BLOCK = 1024 * 1024

Read = Callable[[int, int], bytes]
Stop = tuple[int, bytes]
"""A line end, and the digest of the bytes from its segment's start to it."""


class Chain:
    """The digests of one file, up to `offset`.

    Args:
        closed: the closed segments: where each ends, and its digest.
        stops: the latest line ends in the open segment, the last one being `offset`.
        segment_bytes: length from which a segment is closed.
    """

    __slots__ = ("_digests", "_ends", "_segment_bytes", "_stops")

    def __init__(
        self,
        closed: Iterable[Stop] = (),
        stops: Iterable[Stop] = (),
        *,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        # Two flat arrays: a gigabyte of transcripts has 16,000 segments.
        self._ends = array("Q")
        self._digests = bytearray()
        for stop in closed:
            self._close(stop)
        self._stops = list(stops)
        self._segment_bytes = segment_bytes

    @property
    def offset(self) -> int:
        """How far the file has been read; a line starts there."""
        return self._stops[-1][0] if self._stops else self._base

    @property
    def _base(self) -> int:
        return self._ends[-1] if self._ends else 0

    @property
    def closed(self) -> int:
        """How many segments are closed."""
        return len(self._ends)

    @property
    def stops(self) -> Sequence[Stop]:
        """The stops of the open segment."""
        return self._stops

    def segments(self, first: int) -> list[Stop]:
        """The closed segments from number `first` on."""
        return [(self._ends[number], self._digest(number)) for number in range(first, self.closed)]

    def _digest(self, number: int) -> bytes:
        return bytes(self._digests[number * DIGEST_BYTES : (number + 1) * DIGEST_BYTES])

    def _close(self, stop: Stop) -> None:
        self._ends.append(stop[0])
        self._digests += stop[1]

    # Growing

    def hasher(self, read: Read) -> Hash | None:
        """Return the hash of the open segment, or None if the file does not hold it any more."""
        hasher = _hasher()
        if not feed(hasher, read, self._base, self.offset):
            return None
        if self._stops and hasher.digest() != self._stops[-1][1]:
            return None
        return hasher

    def before_line(self, hasher: Hash, offset: int) -> Hash:
        """Return the hash that the line at `offset` goes into: a new one if a segment is full."""
        if offset - self._base < self._segment_bytes:
            return hasher
        self._close((offset, hasher.digest()))
        self._stops.clear()
        return _hasher()

    def stop(self, hasher: Hash, offset: int) -> None:
        """Take down that reading has come to `offset`, with the open segment's hash up to it."""
        if offset > self.offset:
            self._stops.append((offset, hasher.digest()))
            del self._stops[:-_STOPS]

    # Checking

    def holds(self, read: Read, first: int = 0) -> bool:
        """Whether the file still holds the segments from number `first` on, the open one too."""
        start = self._ends[first - 1] if first else 0
        for number in range(first, self.closed):
            end = self._ends[number]
            if _hash(read, start, end) != self._digest(number):
                return False
            start = end
        return not self._stops or _hash(read, start, self.offset) == self._stops[-1][1]

    def cut(self, read: Read) -> None:
        """Go back to the last line end up to which the file is known to be the same.

        Reads the file from its start, at most up to `offset`.
        """
        start = 0
        for number in range(self.closed):
            end = self._ends[number]
            if _hash(read, start, end) != self._digest(number):
                self._reopen(number)
                return
            start = end
        hasher = _hasher()
        same: list[Stop] = []
        for end, digest in self._stops:
            if not feed(hasher, read, start, end):
                break
            start = end
            if hasher.digest() == digest:
                same.append((end, digest))
        self._stops = same
        if not same:
            self._reopen(self.closed)

    def _reopen(self, count: int) -> None:
        """Keep `count` segments, the last of them open again."""
        self._stops = self.segments(count - 1)[:1] if count else []
        del self._ends[max(count - 1, 0) :]
        del self._digests[max(count - 1, 0) * DIGEST_BYTES :]

    def mark(self) -> tuple[int, list[Stop]]:
        """Return where the chain stands, for `back`."""
        return self.closed, self._stops.copy()

    def back(self, mark: tuple[int, list[Stop]]) -> None:
        """Forget what was added since `mark`; the chain has not been cut since."""
        count, stops = mark
        del self._ends[count:]
        del self._digests[count * DIGEST_BYTES :]
        self._stops = stops


def pack(stops: Iterable[Stop]) -> bytes:
    """Return stops as bytes, for a checkpoint."""
    return b"".join(_STOP.pack(*stop) for stop in stops)


def unpack(data: bytes) -> list[Stop]:
    """Read what `pack` wrote.

    Raises:
        struct.error: it is something else.
    """
    return [(end, digest) for end, digest in _STOP.iter_unpack(data)]


def _hasher() -> Hash:
    return blake2b(digest_size=DIGEST_BYTES)


def feed(hasher: Hash, read: Read, start: int, end: int) -> bool:
    """Hash the file's bytes from `start` to `end`; False if the file is shorter than that."""
    while start < end:
        data = read(min(_BLOCK, end - start), start)
        if not data:
            return False
        hasher.update(data)
        start += len(data)
    return True


def _hash(read: Read, start: int, end: int) -> bytes | None:
    hasher = _hasher()
    return hasher.digest() if feed(hasher, read, start, end) else None
