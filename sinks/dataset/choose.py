"""Which of all examples go into a snapshot, and into which split.

First come pairs that a person has spoken about, then the better strategy, then the larger margin,
then the id; single decisions come after all pairs, by their ids. Whatever would exceed a limit is
left out and counted. So the choice depends on what there is alone, and not on the order in which it
came.

In the table: `order/` the pairs in that order, `count/` how often a prompt or a side was used,
`keep/` what goes into the snapshot, by start: where its row stands, and which tools it has. The
table also holds what models were offered (`sinks.offered`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

import orjson
from pydantic_core import from_json

from schemas.table import Table
from sinks.bulk import FrameWriter, Spot, SpotReader
from sinks.dataset.counts import Counts
from sinks.dataset.draft import DatasetKind
from sinks.dataset.example import (
    Example,
    Kept,
    Making,
    pair_examples,
    paired_file,
    unpaired_examples,
)
from sinks.dataset.keptback import KeptBack
from sinks.dataset.offers import Key, Offers
from sinks.dataset.tools import ToolBook
from sinks.spread import Spread
from sinks.strategies.regenerate import was_generated

KEEP: Mapping[DatasetKind, str] = {"pairs": "keep/pair/", "unpaired": "keep/unpaired/"}
_ORDER = "order/"
_COUNT = "count/"

Tick = Callable[[], None]
"""Called between any two steps, so that the table can be written and memory stays small."""


class Chooser:
    """Chooses what goes into a snapshot, pairs first.

    Args:
        making: what examples are made by.
        table: gets what is kept.
        counts: gets what is left out, and why.
        tick: called between any two steps.
        spread: shares out the making of examples.
    """

    def __init__(
        self, making: Making, table: Table, counts: Counts, tick: Tick, spread: Spread
    ) -> None:
        self.tools = ToolBook()
        self.offers = Offers(table, self.tools)
        self.kept_back = KeptBack()
        self._making = making
        self._table = table
        self._counts = counts
        self._tick = tick
        self._spread = spread
        self._keys: dict[Key, int] = {}

    def choose_pairs(self) -> None:
        """Choose among the pairs."""
        making = self._making
        for examples in self._spread(partial(pair_examples, making), making.paired.files()):
            self._put_in_order(examples)
        folder = making.shards.folder
        with FrameWriter(folder) as writer, SpotReader(folder) as reader:
            for _, stored in self._table.scan(_ORDER):
                example = Example.from_bytes(stored)
                if self._choose("pairs", example, reader):
                    for turn_id in example.turn_ids:
                        writer.add(paired_file(making.shards.of_turn(turn_id)), turn_id)
                self._tick()

    def choose_unpaired(self) -> None:
        """Choose among the scored turns that stand in no chosen pair."""
        making = self._making
        if "unpaired" not in making.rules.strategies:
            return
        shards = range(making.shards.count)
        with SpotReader(making.shards.folder) as reader:
            for examples, others in self._spread(partial(unpaired_examples, making), shards):
                if others:
                    self._counts.dropped["unpaired"]["no decision to learn from"] += others
                for example in examples:
                    self._choose("unpaired", example, reader)
                    self._tick()

    def kept(self, kind: DatasetKind) -> Iterator[tuple[Spot, int]]:
        """Yield where the rows of what was chosen stand, by start, and which of `keys` tells their
        tools."""
        for _, stored in self._table.scan(KEEP[kind]):
            spot, number = orjson.loads(stored)
            yield Spot(*spot), number

    @property
    def keys(self) -> list[Key]:
        """What the tools of rows depend on, each once."""
        return list(self._keys)

    def _put_in_order(self, examples: Iterable[Example]) -> None:
        for example in examples:
            self._table.put(_ORDER + example.order, example.to_bytes())
            self._tick()

    def _choose(self, kind: DatasetKind, example: Example, reader: SpotReader) -> bool:
        """Keep an example unless something speaks against it; say whether it is kept."""
        rules = self._making.rules
        if example.too_long:
            self._drop(kind, "chosen side too long")
        elif any(self._count(name) >= rules.per_side for name in example.sides):
            self._drop(kind, "a side used often enough")
        elif example.spot is None:
            self._drop(kind, "its sessions are of two splits")
        elif self._count(example.request) >= rules.per_prompt:
            self._drop(kind, "its prompt used often enough")
        elif example.long_number:
            self._drop(kind, "a number of more than 64 bits")
        else:
            for name in (example.request, *example.sides):
                self._table.put(_COUNT + name, b"%d" % (self._count(name) + 1))
            if example.split is not None and example.sketch is not None:
                self.kept_back.add(example.split, example.sketch)
            if self.tools.wants(example.agent, example.tools):
                self._see_tools(example.agent, reader.read(example.spot))
            at_ms = int(example.at.partition("/")[0])
            key = self.offers.key(example.agent, example.session, at_ms, example.tools)
            number = self._keys.setdefault(key, len(self._keys))
            kept = orjson.dumps((example.spot, number), default=tuple)
            self._table.put(KEEP[kind] + example.at, kept)
            return True
        return False

    def _see_tools(self, agent: str, kept: bytes) -> None:
        row = orjson.loads(Kept.from_bytes(kept).row)
        for name in ("prompt", "chosen", "rejected", "completion"):
            # What was never run says nothing of how a tool is called.
            if row.get("strategy") == "regenerate" and was_generated(
                row["evidence"], row.get(f"{name}_overall")
            ):
                continue
            texts = (text for text in row.get(name, ()) if '"tool_calls":' in text)
            self.tools.see(agent, (from_json(text) for text in texts))

    def _drop(self, kind: DatasetKind, reason: str) -> None:
        self._counts.dropped[kind][reason] += 1

    def _count(self, name: str) -> int:
        return int(self._table.get(_COUNT + name) or 0)
