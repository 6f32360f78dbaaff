"""The pairs as they stand in the owner's file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from pydantic import ValidationError

from schemas.pair import PreferencePair
from schemas.settings import Settings


class PairsError(Exception):
    """The file or a pair is not there. One line that says what to do."""


def path_of(settings: Settings) -> Path:
    """Return where the pairs are."""
    return settings.paths.output / "pairs" / "pairs.jsonl"


def pairs_in(path: Path) -> Iterator[PreferencePair]:
    """Yield the pairs in a file; what else a person wrote into it is passed over.

    Raises:
        PairsError: there is no file.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise PairsError(
            f"there are no pairs at {path} yet; `clawback run` makes them, and `clawback pairs "
            "sweep` shows which thresholds would give some"
        ) from None
    with file:
        for line in file:
            try:
                yield PreferencePair.from_bytes(line)
            except ValidationError:
                continue


def find(path: Path, beginning: str, gone: Iterable[PreferencePair] = ()) -> PreferencePair:
    """Return the pair whose id begins so.

    Args:
        path: the file.
        beginning: of its id.
        gone: pairs to look among, too, that need not be in the file; what the file has counts.

    Raises:
        PairsError: there is none, or there are several.
    """
    gone = list(gone)
    # Without any pair left there is no file.
    there = pairs_in(path) if path.exists() or not gone else ()
    found = {pair.id: pair for pair in chain(gone, there) if pair.id.startswith(beginning)}
    if len(found) == 1:
        return next(iter(found.values()))
    if not found:
        raise PairsError(f"no pair's id begins with {beginning!r}; see `clawback pairs list`")
    raise PairsError(f"{len(found)} pairs' ids begin with {beginning!r}; write more of it")
