"""The strategies that look at one turn and those that follow it, over a table.

In the table, under `pairs/`:
    case/<turn id>   the pairs made of this turn: its recovery, its retries
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import orjson
from pydantic_core import from_json

from schemas.generation import Generation
from schemas.pair import PreferencePair
from schemas.settings import Pairs
from schemas.table import Table
from sinks import known
from sinks.example import Given
from sinks.kept import replace_pairs
from sinks.mends import CHAIN, AsksAgain, Reply, mends
from sinks.output import Output
from sinks.strategies.recovery import recovery
from sinks.strategies.regenerate import regenerated
from sinks.strategies.retry import retry

_CASE = "pairs/case/"

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
        if given.overall >= self._rules.chosen:
            return good_case(given, self._generated(turn_id, table), self._panel, self._rules)
        if given.overall > self._rules.rejected:
            return None
        strategies = self._rules.strategies
        found: list[tuple[Given, tuple[str, ...]]] = []
        if "retry" in strategies:
            said = _Known(self._panel, table)
            for later_id, replies in mends(turn_id, said, self._asks_again, self._rules.chosen):
                later = self._given(later_id, table)
                assert later is not None
                found.append((later, replies))
        generated = self._generated(turn_id, table)
        return bad_case(given, found, generated, self._panel, self._rules)

    def _generated(self, turn_id: str, table: Table) -> Iterable[Generation]:
        # A generator, as most turns are never asked for it.
        yield from known.generations_of(turn_id, table)

    def _given(self, turn_id: str, table: Table) -> Given | None:
        """Return a turn with its score, or None if it has none or can be no side."""
        score = known.score_of(turn_id, self._panel, table)
        if score is None or score.status != "scored" or score.overall is None:
            return None
        stored = table.get(known.TURN + turn_id)
        line, record = (None, b"") if stored is None else known.read_stored(stored)
        return Given(score.overall, score.rationales, record) if line and line.groups else None


class _Known:
    """The conversations that a table holds; a `sinks.mends.Conversations`."""

    def __init__(self, panel: str, table: Table) -> None:
        self._panel = panel
        self._table = table

    def replies(self, turn_id: str) -> Sequence[Reply]:
        return known.reactions_to(turn_id, self._table)

    def began(self, turn_id: str, at_ms: int) -> Sequence[str]:
        line = known.line_of(turn_id, self._table)
        return known.began_at(line.session, at_ms, self._table) if line and line.groups else ()

    def request(self, turn_id: str) -> str:
        request: str = from_json(known.turn_bytes(turn_id, self._table))["request"]
        return request

    def overall(self, turn_id: str) -> float | None:
        score = known.score_of(turn_id, self._panel, self._table)
        return None if score is None or score.status != "scored" else score.overall


def good_case(
    given: Given, generated: Iterable[Generation], panel: str, rules: Pairs
) -> Case | None:
    """Return what the pairs of a good turn are made of, or None if it can't have any.

    Args:
        given: the turn.
        generated: what models would have decided in it.
        panel: whose scores count.
        rules: the strategies.
    """
    worse: tuple[Generation, ...] = ()
    if "regenerate" in rules.strategies:
        worse = known.for_side("rejected", panel, generated)
    may = "branch" in rules.strategies and may_have_failed(given.record)
    return Case(given, generations=worse) if may or worse else None


def may_have_failed(record: bytes) -> bool:
    """Say whether a call of a turn may have failed, without reading its record."""
    return _MAY_HAVE_FAILED.search(record) is not None


def bad_case(
    given: Given,
    mended: Iterable[tuple[Given, tuple[str, ...]]],
    generated: Iterable[Generation],
    panel: str,
    rules: Pairs,
) -> Case | None:
    """Return what the pairs of a bad turn are made of, or None if it can't have any.

    Args:
        given: the turn.
        mended: the good turns that set it right, each with what the user said on the way.
        generated: what models would have decided in it.
        panel: whose scores count.
        rules: the strategies.
    """
    mends = tuple(mended)
    better: tuple[Generation, ...] = ()
    if "regenerate" in rules.strategies:
        better = known.for_side("chosen", panel, generated)
    return Case(given, mends, better) if mends or better else None


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
