"""JSONL files that grow line by line and survive a kill at any byte."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import IO, Generic, TypeVar

from pydantic import BaseModel, ValidationError

Line = TypeVar("Line", bound=BaseModel)


class LineFile(Generic[Line]):
    """A file of records of one kind, appended to as they come. Use it as a context manager.

    A line that a kill tore off is cut away when it is opened.
    """

    def __init__(self, path: Path, kind: type[Line]) -> None:
        self.path = path
        self._kind = kind
        self._file: IO[bytes] | None = None

    def __enter__(self) -> LineFile[Line]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("ab")
        whole = self.path.read_bytes().rfind(b"\n") + 1
        if whole != self._file.tell():
            self._file.truncate(whole)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def add(self, *records: Line) -> None:
        """Append records; they survive this process once this returns."""
        if self._file is None:
            raise ValueError(f"{self.path} is not open")
        self._file.write(b"".join(each.model_dump_json().encode() + b"\n" for each in records))
        self._file.flush()


def read_lines(path: Path, kind: type[Line]) -> list[Line]:
    """Return the whole lines of a file that can be read; none where there is no file."""
    if not path.exists():
        return []
    found = []
    content = path.read_bytes()
    for line in content[: content.rfind(b"\n") + 1].splitlines():
        try:
            found.append(kind.model_validate_json(line))
        except ValidationError:
            continue
    return found


def put(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.write_bytes(content)
    os.replace(unfinished, path)
