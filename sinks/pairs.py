"""Preference pairs: on the topic `pairs`, and in `pairs/pairs.jsonl`.

In the table, under `pairs/`, beside what `sinks.known`, `sinks.sides`, `sinks.followed` and
`sinks.kept` keep there:
    dirty/pairs.jsonl   the file is to be rewritten
    rules               the settings that the pairs were made by
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import orjson

from schemas.generation import Generation
from schemas.reaction import Reaction
from schemas.review import Review
from schemas.settings import Pairs
from schemas.table import Table
from schemas.topics import GENERATIONS, REACTIONS, REVIEWS, TURNS, VERDICTS
from schemas.verdict import Verdict
from sinks import known
from sinks.followed import Followed
from sinks.grouped import Grouped
from sinks.kept import PAIR, take_review
from sinks.mends import AsksAgain
from sinks.output import Output
from sinks.pairfile import PairFile
from sinks.rewriter import Rewriter
from sinks.strategies.asked import Asked
from sinks.strategies.select import GROUPINGS, SIDES

_DIRTY = "pairs/dirty/"
_RULES = "pairs/rules"
_FILE = "pairs.jsonl"

MAKES_PAIRS = frozenset(
    {
        "chosen",
        "rejected",
        "min_margin",
        "neighbour_similarity",
        "per_prompt",
        "per_side",
        "strategies",
    }
)
"""The settings that pairs depend on; the others are about snapshots."""


class PairsSink:
    """The sink that gathers preference pairs. One process writes a directory.

    A turn can be a side if a person asked for it in words alone (`strategies.asked`) and the
    panel's verdict on it is `scored`. Whenever such a turn comes or changes, the pairs that it may
    stand in are made again: new and changed ones are published, and those that no longer hold
    get a tombstone. What a person says of a pair wins over all that.

    Args:
        output: the directory that gets `pairs/`.
        panel: whose verdicts count, by its label.
        rules: the thresholds, the strategies, and how many pairs are made.
        asks_again: hears whether the user asks again for the same, or corrects.
        delay: how long changes are gathered before the file is rewritten (seconds).
        clock: a monotonic clock in seconds.
    """

    topics = (TURNS, VERDICTS, REACTIONS, REVIEWS, GENERATIONS)

    def __init__(
        self,
        output: Path,
        panel: str,
        rules: Pairs,
        asks_again: AsksAgain,
        delay: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._panel = panel
        self._rules = rules
        self._groups = [Grouped(each, panel, rules) for each in GROUPINGS]
        self._followed = Followed(panel, rules, asks_again)
        self._rewriter = Rewriter(_DIRTY, delay, clock)
        self._file = PairFile(output / "pairs" / _FILE)
        self._recalled = False
        self._ruled = False

    def apply(self, topic: str, value: bytes, table: Table) -> list[Output]:
        """Take in a turn, a verdict, a reaction, a generation or a review and return the pairs that
        come, change or go.

        The first record also brings what follows from changed settings.

        Raises:
            pydantic.ValidationError: the value is none of these; the table is as it was.
        """
        outputs: list[Output] = []
        if topic == TURNS:
            asked = Asked.model_validate_json(value)
            outputs = self.rule(table)
            seen = known.line_of(asked.id, table) is not None
            # A copy may stand in another session, behind other turns.
            behind = self._followed.concerned(asked.id, table) if seen else []
            changed = known.take_turn(asked, value, table)
            if changed:
                outputs += self._group(asked.id, table, again=seen)
            if changed or asked.reaction is not None:
                behind += self._followed.concerned(asked.id, table)
                outputs += self._followed.place(behind, table)
        elif topic == VERDICTS:
            verdict = Verdict.model_validate_json(value)
            outputs = self.rule(table)
            seen = known.score_of(verdict.turn_id, verdict.label, table) is not None
            if known.take_verdict(verdict, value, table) and verdict.label == self._panel:
                outputs += self._place(verdict.turn_id, table, again=seen)
        elif topic == REACTIONS:
            reaction = Reaction.model_validate_json(value)
            outputs = self.rule(table)
            if known.take_reaction(reaction, table):
                concerned = self._followed.concerned(reaction.turn_id, table)
                outputs += self._followed.place(concerned, table)
        elif topic == GENERATIONS:
            generation = Generation.model_validate_json(value)
            outputs = self.rule(table)
            if known.take_generation(generation, table):
                outputs += self._followed.place([generation.turn_id], table)
        elif topic == REVIEWS:
            review = Review.model_validate_json(value)
            outputs = self.rule(table)
            outputs += take_review(review, table)
        if outputs:
            self._rewriter.mark(_FILE, table)
        return outputs

    def rule(self, table: Table) -> list[Output]:
        """Make all pairs again if the settings are not those that they were made by, and return
        what changes. The first record does it, where nobody asks for it before."""
        if self._ruled:
            return []
        self._ruled = True
        rules = orjson.dumps(
            (self._panel, self._rules.model_dump(include=set(MAKES_PAIRS)), SIDES),
            option=orjson.OPT_SORT_KEYS,
        )
        before = table.get(_RULES)
        if before == rules:
            return []
        table.put(_RULES, rules)
        outputs: list[Output] = []
        if before is not None:
            for key, _ in table.scan(known.SCORE):
                turn_id = key.removeprefix(known.SCORE)
                for group in self._groups:
                    if not group.on:
                        outputs += group.place(turn_id, table, again=True)
                outputs += self._place(turn_id, table, again=True)
        if outputs:
            self._rewriter.mark(_FILE, table)
        return outputs

    def flush_in(self) -> float | None:
        """Return in how many seconds to flush, or None if there is nothing to write."""
        return self._rewriter.flush_in() if self._recalled else 0.0

    def flush(self, table: Table, *, everything: bool = False) -> None:
        """Rewrite the file if its time has come.

        Raises:
            SinkError: it can't be written; it stays as it was and due.
        """
        if not self._recalled:
            if not self._file.exists() and next(table.scan(PAIR), None) is not None:
                self._rewriter.mark(_FILE, table)
            self._rewriter.recall(table)
            self._recalled = True
        self._rewriter.flush(
            table,
            lambda _: self._file.write(value + b"\n" for _, value in table.scan(PAIR)),
            everything=everything,
        )

    def _place(self, turn_id: str, table: Table, *, again: bool = False) -> list[Output]:
        outputs = self._group(turn_id, table, again=again)
        concerned = self._followed.concerned(turn_id, table)
        return outputs + self._followed.place(concerned, table)

    def _group(self, turn_id: str, table: Table, *, again: bool) -> list[Output]:
        outputs: list[Output] = []
        for group in self._groups:
            if group.on:
                outputs += group.place(turn_id, table, again=again)
        return outputs
