"""What a snapshot holds, counted while it is made. Memory does not grow with its size."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from schemas.redaction import count_placeholders


class Counts:
    """Counts of one snapshot.

    `found` are turns, verdicts of the panel and reviewed pairs, each once however often its record
    was delivered. `dropped` has by reason what was made and left out. `scores` is a histogram of
    the panel's overall scores of all scored turns, in steps of one. `lengths` are sums of
    characters. `tools` counts rows by where the schemas of their tools come from.
    """

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()
        self.scores: Counter[int] = Counter()
        self.rows: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.strategies: Counter[str] = Counter()
        self.margins: Counter[int] = Counter()
        self.reviewed: Counter[str] = Counter()
        self.labels: Counter[str] = Counter()
        self.dropped: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.redactions: Counter[str] = Counter()
        self.lengths: Counter[str] = Counter()
        self.longer: Counter[str] = Counter()
        self.tools: Counter[str] = Counter()

    def add(self, other: Counts) -> None:
        """Add what was counted elsewhere."""
        for name, mine in vars(self).items():
            theirs = getattr(other, name)
            if isinstance(mine, defaultdict):
                for key, counted in theirs.items():
                    mine[key].update(counted)
            else:
                mine.update(theirs)

    def pair(self, split: str, row: Mapping[str, Any], lengths: tuple[int, int]) -> None:
        """Count a pair that is written; `lengths` are those of the two sides in characters."""
        self.rows["pairs"][split] += 1
        self.tools[row["tools_source"]] += 1
        self.strategies[row["strategy"]] += 1
        self.reviewed[row["reviewed"] or "no"] += 1
        if row["margin"] is not None:
            self.margins[round(row["margin"])] += 1
        self.lengths["chosen"] += lengths[0]
        self.lengths["rejected"] += lengths[1]
        self.longer["chosen" if lengths[0] > lengths[1] else "rejected"] += lengths[0] != lengths[1]
        self._redacted(row, "prompt", "chosen", "rejected")

    def unpaired(self, split: str, row: Mapping[str, Any]) -> None:
        """Count a decision with a label that is written."""
        self.rows["unpaired"][split] += 1
        self.tools[row["tools_source"]] += 1
        self.labels["good" if row["label"] else "bad"] += 1
        self._redacted(row, "prompt", "completion")

    def _redacted(self, row: Mapping[str, Any], *names: str) -> None:
        for name in names:
            for text in row[name]:
                if "<secret:" in text or "<personal:" in text:
                    self.redactions += count_placeholders(text)

    @property
    def length_bias(self) -> dict[str, float] | None:
        """Mean lengths of the sides, and how often the chosen one is the longer; None without
        pairs. A model trained where the chosen side is mostly longer learns to be long."""
        pairs = self.rows["pairs"].total()
        if not pairs:
            return None
        return {
            "mean_chosen_chars": round(self.lengths["chosen"] / pairs, 1),
            "mean_rejected_chars": round(self.lengths["rejected"] / pairs, 1),
            "chosen_longer_share": round(self.longer["chosen"] / pairs, 4),
        }

    def to_json(self) -> dict[str, Any]:
        """Return all counts, in an order that is always the same."""
        return {
            "found": _sorted(self.found),
            "rows": {name: _sorted(each) for name, each in sorted(self.rows.items())},
            "strategies": _sorted(self.strategies),
            "margins": _sorted(self.margins),
            "labels": _sorted(self.labels),
            "tools": _sorted(self.tools),
            "reviewed": _sorted(self.reviewed),
            "scores": _sorted(self.scores),
            "dropped": {name: _sorted(each) for name, each in sorted(self.dropped.items())},
            "length_bias": self.length_bias,
            "redactions": _sorted(self.redactions),
        }


def decision_length(texts: list[str]) -> int:
    """Return how long a side is: the characters of its words, and of its calls as JSON."""
    total = 0
    for text in texts:
        message = from_json(text)
        total += len(message["content"]) + sum(
            len(str(call["function"])) for call in message.get("tool_calls") or ()
        )
    return total


def _sorted(counts: Mapping[Any, int]) -> dict[str, int]:
    return {str(key): counts[key] for key in sorted(counts) if counts[key]}
