"""The strategies that look at one turn and those that follow it, over a table.

In the table, under `pairs/`:
    case/<turn id>   the pairs made of this turn: its recovery, its retries, those regenerated
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

import orjson
from pydantic_core import from_json

from schemas.generation import GeneratedSide, Generation
from schemas.pair import PreferencePair
from schemas.settings import Pairs
from schemas.table import Table
from sinks import known
from sinks.example import Given
from sinks.kept import replace_pairs
from sinks.output import Output
from sinks.strategies.recovery import recovery
from sinks.strategies.regenerate import regenerated
from sinks.strategies.retry import retry

_CASE = "pairs/case/"

CHAIN: Final = 3
"""How many times in a row the user may have asked again before the turn that did well."""

AsksAgain = Callable[[str, str], bool]
"""Says whether a message asks again for what a request asked, or corrects what was done."""

_MAY_HAVE_FAILED = re.compile(
    rb'"is_error":true|"exit_code":-?[1-9]|"synthetic":true|"status":"[^"]'
)


class Case(NamedTuple):
    """A turn and the good ones that mended it, each with what the user said from the one to the
    other; and what models would have decided in its place. One that did well itself was mended by
    none, and may have recovered from a failed call."""

    given: Given
    mends: tuple[tuple[Given, tuple[str, ...]], ...] = ()
    generations: tuple[Generation, ...] = ()


class Followed:
    """Recoveries and retries. Whenever a turn, its score or its reaction changes, its own pairs are
    made again, and those of the turns before it that it may mend."""

    def __init__(self, panel: str, rules: Pairs, asks_again: AsksAgain) -> None:
        self._panel = panel
        self._rules = rules
        self._asks_again = asks_again

    def place(self, turn_ids: Iterable[str], table: Table) -> list[Output]:
        """Make the pairs of these turns again and return what changes."""
        outputs: list[Output] = []
        for each in dict.fromkeys(turn_ids):
            outputs += self._make(each, table)
        return outputs

    def concerned(self, turn_id: str, table: Table) -> list[str]:
        """Return the turns whose pairs may change with a turn: itself, and those it may mend."""
        found = [turn_id]
        last = [turn_id]
        for _ in range(CHAIN):
            earlier: list[str] = []
            for each in last:
                line = known.line_of(each, table)
                earlier += known.before(each, line, table) if line else []
            last = [each for each in earlier if each not in found]
            found += last
        return found

    def _make(self, turn_id: str, table: Table) -> list[Output]:
        key = _CASE + turn_id
        stored = table.get(key)
        made: list[str] = [] if stored is None else orjson.loads(stored)
        pairs = self.pairs(turn_id, table)
        if not made and not pairs:
            return []
        outputs = replace_pairs(made, pairs, table)
        if pairs:
            table.put(key, orjson.dumps([pair.id for pair in pairs]))
        else:
            table.delete(key)
        return outputs

    def pairs(self, turn_id: str, table: Table) -> list[PreferencePair]:
        """Return the pairs of one turn as they are now."""
        case = self.case(turn_id, self._given(turn_id, table), table)
        return [] if case is None else pairs_of(case, self._panel, self._rules)

    def case(self, turn_id: str, given: Given | None, table: Table) -> Case | None:
        """Return what the pairs of a turn are made of, or None if it can't have any.

        Args:
            turn_id: the turn.
            given: its record and its score, if it has both and can be a side.
            table: where those that follow it are looked up.
        """
        if given is None:
            return None
        strategies = self._rules.strategies
        if given.overall >= self._rules.chosen:
            made = self._generated(turn_id, "rejected", table)
            may = "branch" in strategies and _MAY_HAVE_FAILED.search(given.record)
            return Case(given, generations=made) if may or made else None
        if given.overall > self._rules.rejected:
            return None
        mends = tuple(self._mended(turn_id, table)) if "retry" in strategies else ()
        made = self._generated(turn_id, "chosen", table)
        return Case(given, mends, made) if mends or made else None

    def _generated(self, turn_id: str, side: GeneratedSide, table: Table) -> tuple[Generation, ...]:
        if "regenerate" not in self._rules.strategies:
            return ()
        return tuple(known.scored_generations_of(turn_id, side, self._panel, table))

    def _mended(self, turn_id: str, table: Table) -> Iterator[tuple[Given, tuple[str, ...]]]:
        """Yield the good turns at the end of chains of asking again, the nearest first, with what
        the user said on the way."""
        ways: list[tuple[str, tuple[str, ...]]] = [(turn_id, ())]
        seen = {turn_id}
        for _ in range(CHAIN):
            further: list[tuple[str, tuple[str, ...]]] = []
            for at, replies in ways:
                for next_id, text in self._asked_again(at, table):
                    if next_id in seen:
                        continue
                    seen.add(next_id)
                    given = self._given(next_id, table)
                    if given is not None and given.overall >= self._rules.chosen:
                        yield given, (*replies, text)
                    else:
                        further.append((next_id, (*replies, text)))
            ways = further

    def _asked_again(self, turn_id: str, table: Table) -> Iterator[tuple[str, str]]:
        reactions = known.reactions_to(turn_id, table)
        stored = table.get(known.TURN + turn_id) if reactions else None
        line, record = (None, b"") if stored is None else known.read_stored(stored)
        if line is None or not line.groups:
            return
        request: str = from_json(record)["request"]
        for at_ms, text in reactions:
            if self._asks_again(text, request):
                for next_id in known.began_at(line.session, at_ms, table):
                    yield next_id, text

    def _given(self, turn_id: str, table: Table) -> Given | None:
        """Return a turn with its score, or None if it has none or can be no side."""
        score = known.score_of(turn_id, self._panel, table)
        if score is None or score.status != "scored" or score.overall is None:
            return None
        stored = table.get(known.TURN + turn_id)
        line, record = (None, b"") if stored is None else known.read_stored(stored)
        return Given(score.overall, score.rationales, record) if line and line.groups else None


def pairs_of(case: Case, panel: str, rules: Pairs) -> list[PreferencePair]:
    """Return the pairs of one turn.

    Args:
        case: what they are made of.
        panel: whose scores these are.
        rules: how far apart two sides have to be, and how many pairs are made.
    """
    first = case.given.scored()
    pairs: list[PreferencePair] = []
    if first.overall >= rules.chosen and "branch" in rules.strategies:
        found = recovery(first, panel)
        if found is not None:
            pairs.append(found)
    for later, replies in case.mends:
        if later.overall - first.overall < rules.min_margin:
            continue
        found = retry(first, later.scored(), replies, panel)
        if found is not None:
            pairs.append(found)
    pairs += filter(None, (regenerated(first, made, panel, rules) for made in case.generations))
    return pairs[: min(rules.per_prompt, rules.per_side)]
