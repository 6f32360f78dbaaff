"""What the pairs sink knows of each turn: its record, its scores, what the user said next.

In the table, under `pairs/`:
    turn/<turn id>               where it stands, rank among copies; the turn's record
    score/<turn id>              by panel: rank, status, overall, the judges' words
    reaction/<turn id>           by reaction id: when, what
    generation/<turn id>         what models would have decided: the records
    after/<at_ms>                the turns that a message of this time reacts to
    asked/<session>/<at_ms>      the turns that a message of this time began
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from schemas.generation import GeneratedSide, Generation
from schemas.reaction import Reaction
from schemas.table import Table
from schemas.turn import Turn
from schemas.verdict import Verdict
from sinks.strategies.asked import Asked
from sinks.strategies.select import GROUPINGS
from sinks.winner import VerdictRank, turn_rank, verdict_rank

TURN = "pairs/turn/"
SCORE = "pairs/score/"
_REACTION = "pairs/reaction/"
_GENERATION = "pairs/generation/"
_AFTER = "pairs/after/"
_ASKED = "pairs/asked/"

RATIONALE_CHARS = 600
"""How much of a judge's words is kept: enough to find the call it speaks of."""


class Line(NamedTuple):
    """Where a turn stands. `groups` holds its group by strategy, and nothing for a turn that can
    be no side."""

    groups: dict[str, str]
    session: str
    started_ms: int
    rank: tuple[Any, ...]


class Score(NamedTuple):
    """What the panel says of a turn."""

    status: str
    overall: float | None
    rationales: tuple[str, ...]


class VerdictRead(NamedTuple):
    """What is kept of a verdict. `judges` are those whose opinions it holds, as
    JSON: name, model and rubric."""

    turn_id: str
    label: str
    rank: VerdictRank
    status: str
    overall: float | None
    rationales: tuple[str, ...]
    judges: tuple[str, ...]


def take_turn(asked: Asked, value: bytes, table: Table) -> bool:
    """Take in a turn and say whether it is new or replaces another copy."""
    if asked.reaction is not None:
        # From every copy, so that the order in which they come makes no difference.
        take_reaction(asked.reaction, table)
    now = line(asked, value)
    stored = table.get(TURN + asked.id)
    if stored is not None:
        before = read_line(stored)
        if before.rank <= now.rank:
            return False
        _drop_from(_asked_key(before.session, before.started_ms), asked.id, table)
    record = value if now.groups else b""
    table.put(TURN + asked.id, orjson.dumps(tuple(now)) + b"\n" + record)
    if now.groups:
        _add_to(_asked_key(now.session, now.started_ms), asked.id, table)
    return True


def line(asked: Asked, value: bytes) -> Line:
    """Return where a turn stands."""
    groups: dict[str, str] = {}
    if asked.usable:
        groups = {each.name: each.key(asked) for each in GROUPINGS if each.noted}
    session = f"{asked.agent}/{asked.session}"
    return Line(groups, session, asked.started_ms, turn_rank(asked, value))


def take_verdict(verdict: Verdict, value: bytes, table: Table) -> bool:
    """Take in a verdict and say whether it counts more than what was known."""
    read = read_verdict(verdict, value)
    key = SCORE + read.turn_id
    stored = table.get(key)
    scores: dict[str, Any] = {} if stored is None else orjson.loads(stored)
    if read.label in scores and tuple(scores[read.label][0]) >= read.rank:
        return False
    scores[read.label] = (read.rank, read.status, read.overall, read.rationales)
    table.put(key, orjson.dumps(scores))
    return True


def read_verdict(verdict: Verdict, value: bytes) -> VerdictRead:
    """Return what is kept of a verdict."""
    return VerdictRead(
        verdict.turn_id,
        verdict.label,
        verdict_rank(verdict, value),
        verdict.status,
        None if verdict.scores is None else verdict.scores.overall,
        tuple(o.rationale[:RATIONALE_CHARS] for o in verdict.opinions if o.rationale),
        tuple(orjson.dumps((o.judge, o.model, o.rubric)).decode() for o in verdict.opinions),
    )


def take_reaction(reaction: Reaction, table: Table) -> bool:
    """Take in what the user said after a turn and say whether it is new."""
    key = _REACTION + reaction.turn_id
    stored = table.get(key)
    known: dict[str, Any] = {} if stored is None else orjson.loads(stored)
    if reaction.id in known or reaction.at_ms is None:
        return False
    known[reaction.id] = (reaction.at_ms, reaction.text)
    table.put(key, orjson.dumps(known, option=orjson.OPT_SORT_KEYS))
    _add_to(f"{_AFTER}{reaction.at_ms}", reaction.turn_id, table)
    return True


def take_generation(generation: Generation, table: Table) -> bool:
    """Take in what a model would have decided in a turn and say whether it is new."""
    key = _GENERATION + generation.turn_id
    stored = table.get(key)
    made: list[str] = [] if stored is None else orjson.loads(stored)
    record = generation.to_bytes().decode()
    if record in made:
        return False
    table.put(key, orjson.dumps(sorted([*made, record])))
    return True


def generations_of(turn_id: str, table: Table) -> list[Generation]:
    """Return what models would have decided in a turn, in an order of no meaning."""
    stored = table.get(_GENERATION + turn_id)
    records = [] if stored is None else orjson.loads(stored)
    return [Generation.model_validate_json(record) for record in records]


def for_side(side: GeneratedSide, panel: str, made: Iterable[Generation]) -> tuple[Generation, ...]:
    """Return of what models would have decided what the panel gave a score: for the chosen side
    from the best, for the rejected one from the worst."""
    sign = -1 if side == "chosen" else 1

    def order(each: Generation) -> tuple[float, str, bytes]:
        return sign * (each.overall or 0), each.id, each.to_bytes()

    scored = [
        each
        for each in made
        if (each.side, each.panel) == (side, panel) and each.overall is not None
    ]
    # One that was judged twice counts by the score that speaks less for it.
    once = {each.id: each for each in sorted(scored, key=order)}
    return tuple(sorted(once.values(), key=order))


def line_of(turn_id: str, table: Table) -> Line | None:
    """Return where a turn stands, or None if it has not come."""
    stored = table.get(TURN + turn_id)
    return None if stored is None else read_line(stored)


def read_line(stored: bytes) -> Line:
    """Return where a turn stands, from what `TURN` keys hold."""
    return read_stored(stored)[0]


def read_stored(stored: bytes) -> tuple[Line, bytes]:
    """Return where a turn stands, and its record if it can be a side, from what `TURN` holds."""
    head, _, record = stored.partition(b"\n")
    groups, session, started_ms, rank = orjson.loads(head)
    return Line(groups, session, started_ms, tuple(rank)), record


def read_record(stored: bytes) -> bytes:
    """Return the record of a turn that can be a side, from what `TURN` keys hold; else nothing."""
    return stored.partition(b"\n")[2]


def turn_bytes(turn_id: str, table: Table) -> bytes:
    """Return the record of a turn that can be a side."""
    stored = table.get(TURN + turn_id)
    return b"" if stored is None else read_record(stored)


def turn_of(turn_id: str, table: Table) -> Turn:
    """Return a turn that can be a side."""
    return Turn.from_bytes(turn_bytes(turn_id, table))


def score_of(turn_id: str, panel: str, table: Table) -> Score | None:
    """Return what a panel says of a turn, or None before it does."""
    stored = table.get(SCORE + turn_id)
    return None if stored is None else read_score(stored, panel)


def read_score(stored: bytes, panel: str) -> Score | None:
    """Return what a panel says of a turn, from what `SCORE` keys hold."""
    found = orjson.loads(stored).get(panel)
    return None if found is None else Score(found[1], found[2], tuple(found[3]))


def reactions_to(turn_id: str, table: Table) -> list[tuple[int, str]]:
    """Return what the user said after a turn, each with its time (epoch milliseconds)."""
    stored = table.get(_REACTION + turn_id)
    if stored is None:
        return []
    return sorted((at_ms, text) for at_ms, text in orjson.loads(stored).values())


def began_at(session: str, at_ms: int, table: Table) -> list[str]:
    """Return the turns of a session that a message of this time began."""
    return _list(_asked_key(session, at_ms), table)


def before(turn_id: str, line: Line, table: Table) -> list[str]:
    """Return the turns of a turn's session that its request reacts to."""
    found = []
    for each in _list(f"{_AFTER}{line.started_ms}", table):
        other = line_of(each, table)
        if other is not None and other.session == line.session and each != turn_id:
            found.append(each)
    return found


def _asked_key(session: str, at_ms: int) -> str:
    return f"{_ASKED}{session}/{at_ms}"


def _list(key: str, table: Table) -> list[str]:
    stored = table.get(key)
    return [] if stored is None else list(orjson.loads(stored))


def _add_to(key: str, turn_id: str, table: Table) -> None:
    known = _list(key, table)
    if turn_id not in known:
        table.put(key, orjson.dumps(sorted([*known, turn_id])))


def _drop_from(key: str, turn_id: str, table: Table) -> None:
    left = [each for each in _list(key, table) if each != turn_id]
    if left:
        table.put(key, orjson.dumps(left))
    else:
        table.delete(key)
