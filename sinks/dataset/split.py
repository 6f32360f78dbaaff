"""Which examples train, and which are kept to see what training did.

A session is of one split as a whole, by its id. Where near-duplicate prompts would stand in two
splits, they stand only in the one that is kept back furthest: evaluation wins over the test, and
both over training.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final, Literal

import orjson

from schemas.identity import digest
from schemas.settings import Pairs
from schemas.table import Table
from sinks.dataset.near import Sketch, similarity

Split = Literal["eval", "test", "train"]
SPLITS: Final[tuple[Split, ...]] = ("eval", "test", "train")
"""The one that wins first."""

NEAR: Final = 0.8
"""Prompts with this Jaccard index of their words and word pairs are near duplicates."""

CROWDED: Final = 32
"""Where more texts than that meet in a band, they are taken for near duplicates unseen."""

_NEAR = "near/"
_TEXT = "near-text/"


def split_of(session: str, rules: Pairs) -> Split:
    """Return a session's split."""
    share = int(digest("split", session)[:12], 16) / float(1 << 48)
    if share < rules.eval_share:
        return "eval"
    return "test" if share < rules.eval_share + rules.test_share else "train"


def common_split(sessions: Iterable[str], rules: Pairs) -> Split | None:
    """Return the split of an example from these sessions; None if they are of several: whichever
    it were put in, one of its sessions would stand on both sides."""
    splits = {split_of(session, rules) for session in sessions}
    return splits.pop() if len(splits) == 1 else None


class KeptBack:
    """The examples that are kept back, so that nothing like them is trained on.

    Args:
        table: holds them.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, split: Split, sketch: Sketch) -> None:
        """Note an example, unless it is trained on."""
        if split == "train":
            return
        shingles = orjson.dumps(sketch.shingles)
        name = f"{SPLITS.index(split)}{blake2b(shingles, digest_size=8).hexdigest()}"
        if self._table.get(_TEXT + name) is not None:
            return
        self._table.put(_TEXT + name, shingles)
        for band in sketch.bands:
            names = self._names(band)
            if len(names) <= CROWDED or not _crowded([n for n in names if n[0] == name[0]]):
                self._table.put(f"{_NEAR}{band:016x}", orjson.dumps(sorted([*names, name])))

    def leaks(self, split: Split, sketch: Sketch) -> bool:
        """Say whether something like an example is kept back in a split that wins."""
        winners = [str(number) for number in range(SPLITS.index(split))]
        if not winners:
            return False
        looked_at: set[str] = set()
        for band in sketch.bands:
            names = [name for name in self._names(band) if name[0] in winners]
            if len(names) > CROWDED and _crowded(names):
                return True
            for name in names:
                if name not in looked_at:
                    looked_at.add(name)
                    shingles = orjson.loads(self._table.get(_TEXT + name) or b"[]")
                    if similarity(shingles, sketch.shingles) >= NEAR:
                        return True
        return False

    def _names(self, band: int) -> list[str]:
        """Return the texts kept back in a band: the number of each one's split, and a digest."""
        stored = self._table.get(f"{_NEAR}{band:016x}")
        return [] if stored is None else list(orjson.loads(stored))


def _crowded(names: list[str]) -> bool:
    return max(Counter(name[0] for name in names).values(), default=0) > CROWDED
