"""How many pairs other thresholds would give from the verdicts at hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from schemas.settings import Pairs
from sinks import known
from sinks.bulk import all_pairs, kind_of
from sinks.followed import AsksAgain
from sinks.spread import Spread
from streams.pairs.gather import Scratch


def sweep(
    read: Scratch,
    panel: str,
    rules: Pairs,
    asks_again: AsksAgain,
    chosen: Sequence[float],
    rejected: Sequence[float],
    spread: Spread,
) -> Iterator[dict[str, Any]]:
    """Yield for each two thresholds how many good and bad turns and pairs there would be.

    The least margin is that of the settings, or the distance of the thresholds where that is
    smaller. Pairs are counted before a snapshot's limits.
    """
    scores: Counter[float] = Counter()
    for _, stored in read.table.scan(known.SCORE):
        score = known.read_score(stored, panel)
        if score is not None and score.status == "scored" and score.overall is not None:
            scores[score.overall] += 1
    for number, (high, low) in enumerate((h, lo) for h in chosen for lo in rejected if lo < h):
        tried = rules.model_copy(
            update={
                "chosen": high,
                "rejected": low,
                "min_margin": min(rules.min_margin, high - low),
            }
        )
        found = Counter(
            pair.strategy
            for pair in all_pairs(
                panel, tried, asks_again, read.table, read.tick, spread, run=f"sweep{number}"
            )
        )
        kinds: Counter[str | None] = Counter()
        for overall, count in scores.items():
            kinds[kind_of(overall, tried)] += count
        yield {
            "chosen": high,
            "rejected": low,
            "set": (high, low) == (rules.chosen, rules.rejected),
            "good_turns": kinds["chosen"],
            "bad_turns": kinds["rejected"],
            "pairs": found.total(),
            "strategies": {name: found[name] for name in rules.strategies if name != "unpaired"},
        }
