"""The strategies that look at one turn and those that follow it, over a table.

In the table, under `pairs/`:
    case/<turn id>   the pairs made of this turn: its recovery, its retries
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import orjson

from schemas.pair import PreferencePair
from schemas.settings import Pairs
from schemas.table import Table
from sinks import known
from sinks.example import Scored
from sinks.kept import replace_pairs
from sinks.output import Output
from sinks.strategies.recovery import recovery
from sinks.strategies.retry import retry

_CASE = "pairs/case/"

CHAIN: Final = 3
"""How many times in a row the user may have asked again before the turn that did well."""

AsksAgain = Callable[[str, str], bool]
"""Says whether a message asks again for what a request asked, or corrects what was done."""

_MAY_HAVE_FAILED = re.compile(
    rb'"is_error":true|"exit_code":-?[1-9]|"synthetic":true|"status":"[^"]'
)


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
        pairs = list(self.pairs(turn_id, table))
        if not made and not pairs:
            return []
        outputs = replace_pairs(made, pairs, table)
        if pairs:
            table.put(key, orjson.dumps([pair.id for pair in pairs]))
        else:
            table.delete(key)
        return outputs

    def pairs(self, turn_id: str, table: Table) -> Iterator[PreferencePair]:
        """Yield the pairs of one turn as they are now."""
        overall = self._overall(turn_id, table)
        if overall is None:
            return
        if overall >= self._rules.chosen and "branch" in self._rules.strategies:
            if _MAY_HAVE_FAILED.search(known.turn_bytes(turn_id, table)):
                found = recovery(self._scored(turn_id, overall, table), self._panel)
                if found is not None:
                    yield found
        elif overall <= self._rules.rejected and "retry" in self._rules.strategies:
            yield from self._retries(turn_id, overall, table)

    def _retries(self, turn_id: str, overall: float, table: Table) -> Iterator[PreferencePair]:
        first: Scored | None = None
        count = 0
        for later_id, later_overall, replies in self._mended(turn_id, table):
            if later_overall - overall < self._rules.min_margin:
                continue
            first = first or self._scored(turn_id, overall, table)
            later = self._scored(later_id, later_overall, table)
            found = retry(first, later, replies, self._panel)
            if found is not None:
                yield found
                count += 1
                if count >= min(self._rules.per_prompt, self._rules.per_side):
                    return

    def _mended(self, turn_id: str, table: Table) -> Iterator[tuple[str, float, tuple[str, ...]]]:
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
                    overall = self._overall(next_id, table)
                    if overall is not None and overall >= self._rules.chosen:
                        yield next_id, overall, (*replies, text)
                    else:
                        further.append((next_id, (*replies, text)))
            ways = further

    def _asked_again(self, turn_id: str, table: Table) -> Iterator[tuple[str, str]]:
        reactions = known.reactions_to(turn_id, table)
        line = known.line_of(turn_id, table) if reactions else None
        if line is None or not line.groups:
            return
        request = known.turn_of(turn_id, table).request
        for at_ms, text in reactions:
            if self._asks_again(text, request):
                for next_id in known.began_at(line.session, at_ms, table):
                    yield next_id, text

    def _overall(self, turn_id: str, table: Table) -> float | None:
        """Return a turn's score, or None if it has none or can be no side."""
        score = known.score_of(turn_id, self._panel, table)
        if score is None or score.status != "scored":
            return None
        line = known.line_of(turn_id, table)
        return score.overall if line and line.groups else None

    def _scored(self, turn_id: str, overall: float, table: Table) -> Scored:
        score = known.score_of(turn_id, self._panel, table)
        return Scored(known.turn_of(turn_id, table), overall, score.rationales if score else ())
