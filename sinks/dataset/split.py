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


def keep_back(split: Split, sketch: Sketch, table: Table) -> None:
    """Note that an example is kept back, so that nothing like it is trained on."""
    if split == "train":
        return
    shingles = orjson.dumps(sketch.shingles)
    name = f"{SPLITS.index(split)}{blake2b(shingles, digest_size=8).hexdigest()}"
    if table.get(_TEXT + name) is not None:
        return
    table.put(_TEXT + name, shingles)
    for band in sketch.bands:
        names = _names(band, table)
        if len(names) <= CROWDED or not _crowded([each for each in names if each[0] == name[0]]):
            table.put(_NEAR + band, orjson.dumps(sorted([*names, name])))


def leaks(split: Split, sketch: Sketch, table: Table) -> bool:
    """Say whether something like an example is kept back in a split that wins."""
    winners = [str(number) for number in range(SPLITS.index(split))]
    if not winners:
        return False
    seen: set[str] = set()
    for band in sketch.bands:
        names = [name for name in _names(band, table) if name[0] in winners]
        if len(names) > CROWDED and _crowded(names):
            return True
        for name in names:
            if name not in seen:
                seen.add(name)
                shingles = orjson.loads(table.get(_TEXT + name) or b"[]")
                if similarity(shingles, sketch.shingles) >= NEAR:
                    return True
    return False


def _crowded(names: list[str]) -> bool:
    return max(Counter(name[0] for name in names).values(), default=0) > CROWDED


def _names(band: str, table: Table) -> list[str]:
    """Return what is kept back of the texts in a band: the number of its split, and a digest."""
    stored = table.get(_NEAR + band)
    return [] if stored is None else list(orjson.loads(stored))
