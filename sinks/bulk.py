"""All pairs of a great many records at once, for a snapshot or to try out settings.

`PairsSink` makes a group's pairs again with every record that changes it, which is what a running
line needs. Here all records are taken in first (`sinks.intake`) and each group is looked at once.
What comes out is the same.

What reads and writes the table is done here, in order; what makes pairs of what was read are pure
functions, which may be shared out.

In the table, under `bulk/`, beside what the sink's modules keep there:
    <run>/<grouping>/<group>/<kind>/<order>/<turn id>   the sides of each group in order
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import groupby
from typing import NamedTuple

from schemas.pair import PreferencePair
from schemas.settings import Pairs
from schemas.table import Table
from sinks import known
from sinks.example import Given
from sinks.followed import AsksAgain, Case, Followed, pairs_of
from sinks.grouped import group_of
from sinks.joined import joined
from sinks.kept import replace_pairs
from sinks.known import Line, Score
from sinks.sides import Kind
from sinks.spread import Spread
from sinks.strategies.select import GROUPINGS, SIDES, Candidate, Grouping, select

_BULK = "bulk/"

Tick = Callable[[], None]
"""Called between any two steps, so that the table can be written and memory stays small."""


class _ScoredTurn(NamedTuple):
    """A turn that can be a side and has a score; `kind` says on which side it would stand."""

    turn_id: str
    line: Line
    given: Given
    kind: Kind | None


class _Sides(NamedTuple):
    """The best and the worst turns of a group, each with its record."""

    chosen: list[tuple[Candidate, Given]]
    rejected: list[tuple[Candidate, Given]]


def make_pairs(
    panel: str, rules: Pairs, asks_again: AsksAgain, table: Table, tick: Tick, spread: Spread
) -> None:
    """Make all pairs of what was taken in, as `PairsSink` keeps them."""
    for pair in all_pairs(panel, rules, asks_again, table, tick, spread):
        replace_pairs([], [pair], table)


def all_pairs(
    panel: str,
    rules: Pairs,
    asks_again: AsksAgain,
    table: Table,
    tick: Tick,
    spread: Spread,
    run: str = "0",
) -> Iterator[PreferencePair]:
    """Yield all pairs of what was taken in.

    Args:
        panel: whose scores count, by its label.
        rules: the thresholds, the strategies, and how many pairs are made.
        asks_again: hears whether the user asks again for the same, or corrects.
        table: holds what was taken in.
        tick: called between any two steps.
        spread: shares out the making of pairs.
        run: a name of its own for each run over one table.
    """
    groupings = [each for each in GROUPINGS if each.strategy in rules.strategies]
    followed = Followed(panel, rules, asks_again)

    def cases() -> Iterator[Case]:
        for turn in _scored_turns(panel, rules, table):
            if turn.kind is not None:
                _note_sides(turn, turn.kind, groupings, f"{_BULK}{run}/", table)
                case = followed.case(turn.turn_id, turn.given, table)
                if case is not None:
                    yield case
                tick()

    for pairs in spread(partial(pairs_of, panel=panel, rules=rules), cases()):
        yield from pairs
        tick()
    for grouping in groupings:
        groups = _groups(f"{_BULK}{run}/{grouping.name}/", panel, table)
        for pairs in spread(partial(_pairs_within, grouping, panel, rules), groups):
            yield from pairs
            tick()


def _scored_turns(panel: str, rules: Pairs, table: Table) -> Iterator[_ScoredTurn]:
    """Yield all turns that can be a side and have a score, by their ids."""
    for turn_id, stored, (turn,) in joined(table, known.SCORE, known.TURN):
        score = scored(stored, panel)
        if score is None or score.overall is None or turn is None:
            continue
        line, record = known.read_stored(turn)
        if line.groups:
            given = Given(score.overall, score.rationales, record)
            yield _ScoredTurn(turn_id, line, given, kind_of(score.overall, rules))


def scored(stored: bytes, panel: str) -> Score | None:
    """Return the score that a panel gave a turn, from what `known.SCORE` keys hold."""
    score = known.read_score(stored, panel)
    usable = score is not None and score.status == "scored" and score.overall is not None
    return score if usable else None


def kind_of(overall: float, rules: Pairs) -> Kind | None:
    """Return on which side a turn with this score stands, or None for neither."""
    if overall >= rules.chosen:
        return "chosen"
    return "rejected" if overall <= rules.rejected else None


def _note_sides(
    turn: _ScoredTurn, kind: Kind, groupings: list[Grouping], prefix: str, table: Table
) -> None:
    # In the order in which `Member`s are tried.
    overall = round(turn.given.overall, 3)
    order = f"{10 - overall if kind == 'chosen' else 10 + overall:06.3f}"
    place = f"{kind}/{order}/{turn.line.started_ms:015d}/{turn.turn_id}"
    for grouping in groupings:
        group = group_of(grouping, turn.line, turn.given.record)
        if group:
            table.put(f"{prefix}{grouping.name}/{group}/{place}", b"")


def _groups(prefix: str, panel: str, table: Table) -> Iterator[_Sides]:
    """Yield the best and the worst turns of each group that has both."""
    cut = len(prefix)
    keys = (key[cut:].split("/", 4) for key, _ in table.scan(prefix))
    for _, members in groupby(keys, key=lambda each: each[0]):
        kinds: dict[str, list[str]] = {"chosen": [], "rejected": []}
        for _, kind, _, _, turn_id in members:
            if len(kinds[kind]) < SIDES:
                kinds[kind].append(turn_id)
        if kinds["chosen"] and kinds["rejected"]:
            chosen, rejected = (
                [_load(each, panel, table) for each in turn_ids] for turn_ids in kinds.values()
            )
            yield _Sides(chosen, rejected)


def _load(turn_id: str, panel: str, table: Table) -> tuple[Candidate, Given]:
    score, stored = known.score_of(turn_id, panel, table), table.get(known.TURN + turn_id)
    assert score is not None
    assert score.overall is not None
    assert stored is not None
    line, record = known.read_stored(stored)
    candidate = Candidate(turn_id, round(score.overall, 3), line.started_ms)
    return candidate, Given(candidate.overall, score.rationales, record)


def _pairs_within(
    grouping: Grouping, panel: str, rules: Pairs, sides: _Sides
) -> list[PreferencePair]:
    given = dict((*sides.chosen, *sides.rejected))
    return select(
        grouping,
        [candidate for candidate, _ in sides.chosen],
        [candidate for candidate, _ in sides.rejected],
        lambda candidate: given[candidate].scored(),
        panel,
        rules,
    )
