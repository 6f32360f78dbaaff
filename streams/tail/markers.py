"""When the tailer says that a session is quiet, abandoned or ended."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

QUIET = 1
ABANDONED = 2
ENDED = 3


class Marker(NamedTuple):
    """A marker to be made; `level` is remembered so that it is made once for an end of a file."""

    level: int
    kind: Literal["quiet", "ended"]
    quiet_seconds: float | None = None


def due(
    *, ends: bool, last: bool, empty: bool, marked: int, idle: float, quiet: float, abandoned: float
) -> tuple[list[Marker], float]:
    """Return the markers that are due behind a file's lines, and the seconds until the next one.

    Args:
        ends: the file was put away because its session is over.
        last: no later file of the same transcript follows: a compacted file (`.bak`) is not
            quiet while its session goes on in the next one.
        empty: no line has been read of the file.
        marked: the last marker made for this end of it.
        idle: seconds since it grew.
        quiet: seconds after which it is quiet.
        abandoned: seconds after which nothing more is expected.
    """
    if ends:
        return ([] if marked >= ENDED else [Marker(ENDED, "ended")]), math.inf
    if not last or empty:
        return [], math.inf
    markers: list[Marker] = []
    for level, seconds in ((QUIET, quiet), (ABANDONED, abandoned)):
        if marked >= level:
            continue
        if idle < seconds:
            return markers, seconds - idle
        markers.append(Marker(level, "quiet", seconds))
    return markers, math.inf
