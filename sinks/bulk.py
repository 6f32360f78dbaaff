"""All pairs of a great many records at once, for a snapshot or to try out settings.

`PairsSink` makes a group's pairs again with every record that changes it, which is what a running
line needs. Here all records are taken in first and each group is looked at once. What comes out
is the same.

In the table, under `bulk/`, beside what the sink's modules keep there:
    <run>/<strategy>/<group>/<kind>/<order>/<turn id>   the sides of each group in order
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby

import orjson
from pydantic import ValidationError

from schemas.pair import PreferencePair
from schemas.reaction import Reaction
from schemas.review import Review
from schemas.settings import Pairs
from schemas.table import Table
from schemas.topics import REACTIONS, REVIEWS, TURNS, VERDICTS
from schemas.verdict import Verdict
from sinks import known
from sinks.example import Scored
from sinks.followed import AsksAgain, Followed
from sinks.kept import replace_pairs, take_review
from sinks.sides import Kind, Member, side
from sinks.strategies.asked import Asked
from sinks.strategies.select import GROUPINGS, SIDES, Candidate, select

TOPICS = (TURNS, VERDICTS, REACTIONS, REVIEWS)
"""What is read."""

_BULK = "bulk/"

Tick = Callable[[], None]
"""Called between any two steps, so that the table can be written and memory stays small."""


def take(topic: str, value: bytes | None, table: Table) -> bool:
    """Take in a record of any of the `TOPICS`; say whether it could be read."""
    try:
        if topic == TURNS:
            known.take_turn(Asked.model_validate_json(value or b""), value or b"", table)
        elif topic == VERDICTS:
            known.take_verdict(Verdict.model_validate_json(value or b""), table)
        elif topic == REACTIONS:
            known.take_reaction(Reaction.model_validate_json(value or b""), table)
        elif topic == REVIEWS:
            take_review(Review.model_validate_json(value or b""), table)
    except ValidationError:
        # The line has put it among the dead letters; here it is only counted.
        return False
    return True


def make_pairs(panel: str, rules: Pairs, asks_again: AsksAgain, table: Table, tick: Tick) -> None:
    """Make all pairs of what was taken in, as `PairsSink` keeps them."""
    for pair in all_pairs(panel, rules, asks_again, table, tick):
        replace_pairs([], [pair], table)


def all_pairs(
    panel: str,
    rules: Pairs,
    asks_again: AsksAgain,
    table: Table,
    tick: Tick,
    run: str = "0",
) -> Iterator[PreferencePair]:
    """Yield all pairs of what was taken in.

    Args:
        panel: whose scores count, by its label.
        rules: the thresholds, the strategies, and how many pairs are made.
        asks_again: hears whether the user asks again for the same, or corrects.
        table: holds what was taken in.
        tick: called between any two steps.
        run: a name of its own for each run over one table.
    """
    followed = Followed(panel, rules, asks_again)
    groupings = [each for each in GROUPINGS if each.strategy in rules.strategies]
    for key, stored in table.scan(known.SCORE):
        score = known.read_score(stored, panel)
        if score is None or score.status != "scored" or score.overall is None:
            continue
        kind = kind_of(score.overall, rules)
        turn_id = key.removeprefix(known.SCORE)
        line = known.line_of(turn_id, table) if kind else None
        if kind is None or line is None or not line.groups:
            continue
        member = side("", kind, Candidate(turn_id, score.overall, line.started_ms)).member
        value = orjson.dumps(tuple(member))
        order = f"{member.order + 10:06.3f}/{member.started_ms:015d}/{turn_id}"
        for grouping in groupings:
            group = line.groups.get(grouping.strategy)
            if group:
                table.put(f"{_BULK}{run}/{grouping.strategy}/{group}/{kind}/{order}", value)
        yield from followed.pairs(turn_id, table)
        tick()
    for grouping in groupings:
        for chosen, rejected in _groups(f"{_BULK}{run}/{grouping.strategy}/", table):
            yield from select(
                grouping, chosen, rejected, lambda one: _load(one, panel, table), panel, rules
            )
            tick()


def kind_of(overall: float, rules: Pairs) -> Kind | None:
    """Return on which side a turn with this score stands, or None for neither."""
    if overall >= rules.chosen:
        return "chosen"
    return "rejected" if overall <= rules.rejected else None


def _groups(prefix: str, table: Table) -> Iterator[tuple[list[Candidate], list[Candidate]]]:
    """Yield the best and the worst turns of each group that has both."""
    cut = len(prefix)
    members = ((key[cut:].split("/", 2), value) for key, value in table.scan(prefix))
    for _, group in groupby(members, key=lambda each: each[0][0]):
        kinds: dict[str, list[Candidate]] = {"chosen": [], "rejected": []}
        for (_, kind, _), value in group:
            if len(kinds[kind]) < SIDES:
                kinds[kind].append(Member(*orjson.loads(value)).candidate)
        if kinds["chosen"] and kinds["rejected"]:
            yield kinds["chosen"], kinds["rejected"]


def _load(one: Candidate, panel: str, table: Table) -> Scored:
    score = known.score_of(one.turn_id, panel, table)
    return Scored(known.turn_of(one.turn_id, table), one.overall, score.rationales if score else ())
