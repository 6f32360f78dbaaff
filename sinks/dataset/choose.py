"""Which of all pairs and turns go into a snapshot, and into which split.

First come pairs that a person has spoken about, then the better strategy, then the larger margin,
then the id; whatever would exceed a limit is left out and counted. So the choice depends on what
there is alone, and not on the order in which it came.

In the table: `order/` the pairs in that order, `count/` how often a prompt or a side was used,
`paired/` the turns that stand in a pair, `keep/` what goes into the snapshot, by start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, get_args

import orjson
from pydantic_core import from_json

from schemas.pair import Strategy
from schemas.settings import Pairs
from schemas.table import Table
from sinks import known
from sinks.bulk import Tick, kind_of, scored
from sinks.dataset.counts import Counts
from sinks.dataset.example import DatasetKind, Example, Kept, pair_example, unpaired_example
from sinks.dataset.split import KeptBack, Split
from sinks.dataset.tools import ToolBook
from sinks.example import Given
from sinks.joined import joined
from sinks.kept import PAIR
from sinks.spread import Spread

KEEP: Mapping[DatasetKind, str] = {"pairs": "keep/pair/", "unpaired": "keep/unpaired/"}
_ORDER = "order/"
_COUNT = "count/"
_PAIRED = "paired/"

RUNGS: Mapping[str, int] = {name: rung for rung, name in enumerate(get_args(Strategy))}


class Chooser:
    """Chooses what goes into a snapshot, pairs first.

    Args:
        rules: the thresholds and limits.
        table: holds all pairs; gets what is kept.
        counts: gets what is left out, and why.
        tick: see `sinks.bulk`.
        spread: shares out the making of examples.
    """

    def __init__(
        self, rules: Pairs, table: Table, counts: Counts, tick: Tick, spread: Spread
    ) -> None:
        self.tools = ToolBook()
        self.kept_back = KeptBack(table)
        self._rules = rules
        self._table = table
        self._counts = counts
        self._tick = tick
        self._spread = spread

    def choose_pairs(self) -> None:
        """Choose among the pairs in the table."""
        for key, value in self._table.scan(PAIR):
            pair = orjson.loads(value)
            margin = 0.0 if pair["margin"] is None else pair["margin"]
            order = (
                f"{0 if pair['reviewed'] else 1}{RUNGS[pair['strategy']]}/{20 - margin:06.3f}"
                f"/{pair['id']}"
            )
            self._table.put(_ORDER + order, orjson.dumps((key, self._place(pair))))
            self._tick()
        for example in self._spread(partial(pair_example, self._rules), self._in_order()):
            self._choose("pairs", example)
            self._tick()

    def choose_unpaired(self, panel: str) -> None:
        """Choose among the scored turns that stand in no chosen pair."""
        turns = self._alone(panel)
        for example in self._spread(partial(unpaired_example, self._rules), turns):
            if example is None:
                self._drop("unpaired", "no decision to learn from")
            else:
                self._choose("unpaired", example)
            self._tick()

    def _place(self, pair: Mapping[str, Any]) -> str:
        """Return the agent and session of the turn that a pair's prompt is from, the chosen one's
        if both began then."""
        # A generated decision is of no turn; the one it stands beside is.
        sides = (pair["chosen"]["turn_id"], pair["rejected"]["turn_id"])
        lines = [line for side in sides if (line := known.line_of(side, self._table)) is not None]
        lines.sort(key=lambda line: line.started_ms != pair["started_ms"])
        return lines[0].session if lines else ""

    def _in_order(self) -> Iterator[tuple[bytes, str]]:
        for _, stored in self._table.scan(_ORDER):
            key, place = orjson.loads(stored)
            pair = self._table.get(key)
            assert pair is not None
            yield pair, place

    def _alone(self, panel: str) -> Iterator[tuple[Given, bool]]:
        wanted = "unpaired" in self._rules.strategies
        together = joined(self._table, known.SCORE, known.TURN, _PAIRED)
        for _, stored, (turn, paired) in together:
            score = scored(stored, panel)
            if score is None or score.overall is None:
                continue
            self._counts.scores[round(score.overall)] += 1
            kind = kind_of(score.overall, self._rules)
            if kind is None or not wanted or turn is None or paired is not None:
                continue
            record = known.read_record(turn)
            if record:
                yield Given(score.overall, score.rationales, record), kind == "chosen"

    def _choose(self, kind: DatasetKind, example: Example) -> None:
        """Keep an example unless something speaks against it."""
        rules = self._rules
        if example.too_long:
            self._drop(kind, "chosen side too long")
        elif any(self._count(name) >= rules.per_side for name in example.sides):
            self._drop(kind, "a side used often enough")
        elif example.split is None:
            self._drop(kind, "its sessions are of two splits")
        elif self._count(example.request) >= rules.per_prompt:
            self._drop(kind, "its prompt used often enough")
        elif example.long_number:
            self._drop(kind, "a number of more than 64 bits")
        else:
            for name in (example.request, *example.sides):
                self._table.put(_COUNT + name, str(self._count(name) + 1).encode())
            for turn_id in example.turn_ids:
                self._table.put(_PAIRED + turn_id, b"")
            self._keep(kind, example, example.split)

    def _keep(self, kind: DatasetKind, example: Example, split: Split) -> None:
        if example.sketch is not None:
            self.kept_back.add(split, example.sketch)
        if self.tools.wants(example.agent, example.tools):
            row = orjson.loads(Kept.from_bytes(example.kept).row)
            for name in ("prompt", "chosen", "rejected", "completion"):
                texts = (text for text in row.get(name, ()) if '"tool_calls":' in text)
                self.tools.see(example.agent, (from_json(text) for text in texts))
        self._table.put(KEEP[kind] + example.at, example.kept)

    def _drop(self, kind: DatasetKind, reason: str) -> None:
        self._counts.dropped[kind][reason] += 1

    def _count(self, name: str) -> int:
        return int(self._table.get(_COUNT + name) or 0)
