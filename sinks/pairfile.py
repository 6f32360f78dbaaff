"""The file of all pairs. It is ours alone: what a person wrote under its name is moved aside."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import orjson

from sinks.atomic import Stamp, reading, remove, replace, stamp, sweep
from sinks.output import SinkError

OUR_KEYS = frozenset({"id", "strategy", "prompt", "chosen", "rejected", "margin"})

logger = logging.getLogger(__name__)


class PairFile:
    """One file of pairs, a JSON object a line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._written: Stamp | None = None
        self._swept = False

    def exists(self) -> bool:
        """Say whether there is a file of this name."""
        return self.path.exists()

    def write(self, lines: Iterator[bytes]) -> None:
        """Put `lines` in place of the file; without any, there is no file.

        Raises:
            ChangedMeanwhileError: somebody wrote to it in this moment.
            SinkError: it can't be written; it is as it was.
        """
        if not self._swept:
            sweep(self.path.parent, self.path.name)
            self._swept = True
        seen = stamp(self.path)
        if seen not in (None, self._written) and not self._ours():
            self._move_aside()
            seen = None
        first = next(lines, None)
        if first is not None:
            self._written = replace(self.path, itertools.chain([first], lines), seen)
        elif seen is not None:
            remove(self.path, seen)

    def _ours(self) -> bool:
        with reading(self.path) as (file, _):
            return all(_is_pair(line) for line in file or ())

    def _move_aside(self) -> None:
        for number in itertools.count(1):
            kept = self.path.with_name(f"{self.path.stem}.kept-{number}{self.path.suffix}")
            if not kept.exists():
                break
        try:
            os.rename(self.path, kept)
        except OSError as error:
            raise SinkError(f"can't move {self.path} aside: {error.strerror}") from error
        logger.warning("%s has lines that are no pairs; it is kept as %s", self.path, kept.name)


def _is_pair(line: bytes) -> bool:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(record, dict) and record.keys() >= OUR_KEYS
