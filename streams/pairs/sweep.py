"""How many pairs other thresholds would give from the verdicts at hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from schemas.settings import Pairs
from sinks.bulk import Bulk, kind_of
from sinks.mends import AsksAgain
from sinks.spread import Spread


def sweep(
    bulk: Bulk,
    rules: Pairs,
    asks_again: AsksAgain,
    chosen: Sequence[float],
    rejected: Sequence[float],
    spread: Spread,
) -> Iterator[dict[str, Any]]:
    """Yield for each two thresholds how many good and bad turns and pairs there would be.

    The least margin is that of the settings; for other thresholds than theirs, the distance of the
    two where that is smaller. Pairs are counted before a snapshot's limits, and before what persons
    say of them.
    """
    for high, low in ((h, lo) for h in chosen for lo in rejected if lo < h):
        is_set = (high, low) == (rules.chosen, rules.rejected)
        margin = rules.min_margin if is_set else min(rules.min_margin, high - low)
        tried = rules.model_copy(update={"chosen": high, "rejected": low, "min_margin": margin})
        paired = bulk.pair(tried, asks_again, spread)
        paired.drop()
        kinds: Counter[str | None] = Counter()
        for overall, count in bulk.tally.scores.items():
            kinds[kind_of(overall, tried)] += count
        yield {
            "chosen": high,
            "rejected": low,
            "set": is_set,
            "good_turns": kinds["chosen"],
            "bad_turns": kinds["rejected"],
            "pairs": paired.made.total(),
            "strategies": {
                name: paired.made[name] for name in rules.strategies if name != "unpaired"
            },
        }
