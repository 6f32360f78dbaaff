"""Frames: many records in few files, each with a head, which is read, and a body, which is read
only where it is wanted.

A frame is two lengths (little endian, 32 bits), the head as JSON, and the body as it is. The files
live as long as one command: whoever reads them has written them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, NamedTuple

import orjson

_LENGTHS: Final = struct.Struct("<II")

BUFFERED_BYTES: Final = 8 << 20
"""What a writer holds in memory, all its files together."""

OPEN_FILES: Final = 128
"""How many files a reader keeps open; macOS gives a process 256."""


class Spot(NamedTuple):
    """Where the body of a frame stands: the file below the common folder, offset and length."""

    file: str
    offset: int
    size: int


class FrameWriter:
    """Appends frames to files below a folder. None of them stays open, so there may be thousands.

    Args:
        folder: the common folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: dict[str, list[bytes]] = {}
        self._ends: dict[str, int] = {}
        self._bytes = 0

    def add(self, file: str, head: Any, body: bytes = b"") -> Spot:
        """Append a frame and return where its body will stand once the writer is closed."""
        # Named tuples are no tuples to orjson.
        stored = orjson.dumps(head, default=tuple)
        size = len(body)
        frame = _LENGTHS.pack(len(stored), size) + stored + body
        waiting = self._waiting.get(file)
        if waiting is None:
            waiting = self._waiting[file] = []
            self._ends[file] = 0
        waiting.append(frame)
        end = self._ends[file] = self._ends[file] + len(frame)
        self._bytes += len(frame)
        if self._bytes >= BUFFERED_BYTES:
            self._write()
        return Spot(file, end - size, size)

    def __enter__(self) -> FrameWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._write()

    def _write(self) -> None:
        for name, waiting in self._waiting.items():
            if not waiting:
                continue
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab", buffering=0) as file:
                file.write(b"".join(waiting))
            waiting.clear()
        self._bytes = 0


def frames(path: Path) -> Iterator[tuple[Any, bytes]]:
    """Yield head and body of each frame of a file, which is read as a whole; nothing if there is no
    such file."""
    for head, body, _ in _cut(path):
        yield head, bytes(body)


def heads(folder: Path, file: str) -> Iterator[tuple[Any, Spot]]:
    """Yield the head of each frame of a file below a folder, and where its body stands."""
    for head, body, offset in _cut(folder / file):
        yield head, Spot(file, offset, len(body))


class SpotReader:
    """Reads bodies wherever they stand.

    Args:
        folder: the common folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, BinaryIO] = {}

    def read(self, spot: Spot) -> bytes:
        """Return a body."""
        file = self._files.pop(spot.file, None)
        if file is None:
            if len(self._files) >= OPEN_FILES:
                self._files.pop(next(iter(self._files))).close()
            file = (self._folder / spot.file).open("rb", buffering=0)
        self._files[spot.file] = file
        file.seek(spot.offset)
        return file.read(spot.size)

    def __enter__(self) -> SpotReader:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()


def _cut(path: Path) -> Iterator[tuple[Any, memoryview, int]]:
    try:
        data = memoryview(path.read_bytes())
    except FileNotFoundError:
        return
    at = 0
    while at < len(data):
        head, body = _LENGTHS.unpack_from(data, at)
        at += _LENGTHS.size
        offset = at + head
        yield orjson.loads(data[at:offset]), data[offset : offset + body], offset
        at = offset + body
