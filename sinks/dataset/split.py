"""Which examples train, and which are kept to see what training did.

A session is of one split as a whole, by its id; a fork, which holds turns of the session that it
was made from, is of that one's. Where near-duplicate prompts would stand in two splits, they stand
only in the one that is kept back furthest: evaluation wins over the test, and both over training.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, Literal

from schemas.identity import digest
from schemas.settings import Pairs

Split = Literal["eval", "test", "train"]
SPLITS: Final[tuple[Split, ...]] = ("eval", "test", "train")
"""The one that wins first."""


def split_of(session: str, rules: Pairs) -> Split:
    """Return a session's split."""
    share = _share(session)
    if share < rules.eval_share:
        return "eval"
    return "test" if share < rules.eval_share + rules.test_share else "train"


@lru_cache(maxsize=4096)
def _share(session: str) -> float:
    # Turns of a session come together, and many of them.
    return int(digest("split", session)[:12], 16) / float(1 << 48)


def common_split(
    sessions: Iterable[str], rules: Pairs, families: Mapping[str, str]
) -> Split | None:
    """Return the split of an example from these sessions; None if they are of several: whichever
    it were put in, one of its sessions would stand on both sides.

    Args:
        sessions: their ids.
        rules: the shares of the splits.
        families: see `sinks.bulk.families`.
    """
    splits = {split_of(families.get(session, session), rules) for session in sessions}
    return splits.pop() if len(splits) == 1 else None
