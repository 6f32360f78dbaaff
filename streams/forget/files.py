"""Removing what is forgotten from the files that a person reads."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from sinks.atomic import reading, remove, replace
from sinks.dataset.unfinished import unfinished
from sinks.output import SinkError
from streams.forget.find import Found
from streams.forget.target import Target

_READ_BYTES = 1 << 20


def snapshots(output: Path) -> list[Path]:
    """Return the data-set snapshots: directories that are never changed."""
    left = unfinished(output)
    found = (path.parent for path in output.rglob("manifest.json") if path.is_file())
    return sorted(path for path in found if path not in left)


def remove_tree(folder: Path) -> None:
    """Remove a directory with all that is in it.

    Raises:
        SinkError: not all of it could be removed.
    """
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise SinkError(
            f"can't remove {folder}: {(error.strerror or str(error)).lower()}; see that this user "
            "may and that nothing writes to it, and forget once more"
        ) from error


def rewrite_files(output: Path, target: Target, found: Found, *, dry: bool) -> dict[Path, int]:
    """Take lines out of the files of JSON lines below `output`, but for snapshots.

    A file without any lines left goes. A line that a person wrote goes if it matches.

    Returns:
        How many lines went from each file that had some.

    Raises:
        SinkError, ChangedMeanwhileError: a file could not be written; it is as it was.
    """
    fixed = snapshots(output)
    changed: dict[Path, int] = {}
    for path in sorted(output.rglob("*.jsonl")):
        if not path.is_file() or any(path.is_relative_to(snapshot) for snapshot in fixed):
            continue
        count = _rewrite(path, lambda line: is_of(line, target, found), dry=dry)
        if count:
            changed[path] = count
    return changed


def is_of(line: bytes, target: Target, found: Found) -> bool:
    """Whether a line of a file is of what is forgotten."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return target.in_bytes(line)
    if isinstance(value, dict) and "session" in value and "steps" in value:
        # A turn: one that a fork holds too stays there, and may speak of one that goes.
        own = target.kind == "session" and value["session"] == target.given
        return own or value.get("id") in found.turns or target.matches(value)
    return found.names_a_turn(line) or target.matches(value) or _is_pair_of(value, target)


def _is_pair_of(value: Any, target: Target) -> bool:
    """Whether a side of a pair is of the session: its turns may have gone from the topics long ago,
    so that nothing there tells their ids any more."""
    return (
        target.kind == "session"
        and isinstance(value, dict)
        and any(
            isinstance(side, dict) and side.get("session") == target.given
            for side in (value.get("chosen"), value.get("rejected"))
        )
    )


def holding(roots: Iterable[Path], text: str) -> list[Path]:
    """Return the files below some directories that have a text among their bytes, as it is or as
    JSON writes it. What is compressed does not show."""
    wanted = {text.encode(), orjson.dumps(text)[1:-1]}
    files = sorted(path for root in roots for path in root.rglob("*") if path.is_file())
    return [path for path in files if _holds(path, wanted)]


def _holds(path: Path, wanted: set[bytes]) -> bool:
    overlap = max(map(len, wanted)) - 1
    before = b""
    with path.open("rb") as file:
        while data := file.read(_READ_BYTES):
            data = before + data
            if any(text in data for text in wanted):
                return True
            before = data[-overlap:] if overlap else b""
    return False


def _rewrite(path: Path, goes: Callable[[bytes], bool], *, dry: bool) -> int:
    with reading(path) as (file, seen):
        if file is None:
            return 0
        gone = sum(1 for line in file if line.strip() and goes(line))
        if not gone or dry:
            return gone
        assert seen is not None
        kept = _kept(file, goes)
        first = next(kept, None)
        if first is None:
            remove(path, seen)
        else:
            replace(path, _with(first, kept), seen)
    return gone


def _kept(file: BinaryIO, goes: Callable[[bytes], bool]) -> Iterator[bytes]:
    file.seek(0)
    return (line for line in file if not line.strip() or not goes(line))


def _with(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
