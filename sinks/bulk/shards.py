"""Shards: what belongs together stands together, little enough of it to be held in memory.

Records of a turn are found by the turn's id, turns that were asked the same by their group, turns
of a conversation by their session. Each shard can be worked on by itself, in whatever process.
"""

from __future__ import annotations

import shutil
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from sinks.bulk.frames import frames

RECORDS: Final = 24_000
"""About so many records make a shard: some 30 MB of turns with their verdicts."""

MOST: Final = 4096


@dataclass(frozen=True)
class Shards:
    """Where the shards are, and how many.

    Those by turn are in order: what one holds sorts before what the next one holds. What comes out
    in the end does not depend on how many there are.
    """

    folder: Path
    count: int

    def of_turn(self, turn_id: str) -> int:
        """Return the shard of a turn."""
        return bisect_right(self._bounds, turn_id)

    def of_text(self, text: str) -> int:
        """Return the shard of a group or a session."""
        return crc32(text.encode()) % self.count

    def parts_of(self, kind: str, writer: str) -> list[str]:
        """Return for each shard the file, below the folder, in which one writer leaves its part."""
        return [f"{kind}/{shard:04d}/{writer}" for shard in range(self.count)]

    def parts(self, kind: str, shard: int) -> Iterator[tuple[Any, bytes]]:
        """Yield what all writers have left of a shard, each frame's head and body."""
        for path in sorted((self.folder / kind / f"{shard:04d}").glob("*")):
            yield from frames(path)

    def drop(self, kind: str, shard: int) -> None:
        """Remove a shard, as nobody needs it any more."""
        shutil.rmtree(self.folder / kind / f"{shard:04d}", ignore_errors=True)

    @cached_property
    def _bounds(self) -> list[str]:
        # Ids are hexadecimal digits of a hash, so these cut them evenly.
        return [f"{(n << 32) // self.count:08x}" for n in range(1, self.count)]


def shards_for(folder: Path, records: int) -> Shards:
    """Return as many shards as so many records need."""
    return Shards(folder, max(1, min(-(-records // RECORDS), MOST)))
