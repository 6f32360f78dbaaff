"""What the pairs sink knows of each turn: its record, its scores, what the user said next.

In the table, under `pairs/`:
    turn/<turn id>               where it stands, rank among copies; the turn's record
    score/<turn id>              by panel: rank, status, overall, the judges' words
    reaction/<turn id>           by reaction id: when, what
    generation/<turn id>         by id: what a model would have decided, as its record has it
    after/<at_ms>                the turns that a message of this time reacts to
    asked/<session>/<at_ms>      the turns that a message of this time began
    judges/<panel>/<judge>       the judges, their models and rubrics, as its verdicts name them
"""

from __future__ import annotations

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
JUDGES = "pairs/judges/"
_REACTION = "pairs/reaction/"
_GENERATION = "pairs/generation/"
_AFTER = "pairs/after/"
_ASKED = "pairs/asked/"

RATIONALE_CHARS = 600
"""How much of a judge's words is kept: enough to find the call it speaks of."""


class Line(NamedTuple):
    """Where a turn stands. `groups` holds its group by the name of the grouping, where that is
    `noted`, and nothing for a turn that can be no side."""

    groups: dict[str, str]
    session: str
    started_ms: int
    rank: tuple[Any, ...]


class Score(NamedTuple):
    """What the panel says of a turn."""

    status: str
    overall: float | None
    rationales: tuple[str, ...]


class TurnRead(NamedTuple):
    """What is kept of a turn's record beside the record. `line` is a `Line` as the table holds it,
    `usable` whether the turn can be a side, `asked` the key of when it was asked."""

    turn_id: str
    line: bytes
    usable: bool
    asked: str


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


class Heard(NamedTuple):
    """What is kept of a reaction."""

    turn_id: str
    id: str
    at_ms: int | None
    text: str


def take_turn(asked: Asked, value: bytes, table: Table) -> bool:
    """Take in a turn and say whether it is new or replaces another copy."""
    if asked.reaction is not None:
        # From every copy, so that the order in which they come makes no difference.
        take_reaction(asked.reaction, table)
    return put_turn(read_turn(asked, value), value, table)


def read_turn(asked: Asked, value: bytes) -> TurnRead:
    """Return what is kept of a turn."""
    groups = {g.name: g.key(asked) for g in GROUPINGS if g.noted} if asked.usable else {}
    session = f"{asked.agent}/{asked.session}"
    line = orjson.dumps((groups, session, asked.started_ms, turn_rank(asked, value)))
    return TurnRead(asked.id, line, bool(groups), _asked_key(session, asked.started_ms))


def put_turn(read: TurnRead, value: bytes, table: Table) -> bool:
    """Take in a turn that was read, without its reaction; say as `take_turn` does."""
    stored = table.get(TURN + read.turn_id)
    if stored is not None:
        before = read_line(stored)
        if before.rank <= read_line(read.line).rank:
            return False
        _drop_from(_asked_key(before.session, before.started_ms), read.turn_id, table)
    table.put(TURN + read.turn_id, read.line + b"\n" + (value if read.usable else b""))
    if read.usable:
        _add_to(read.asked, read.turn_id, table)
    return True


def take_verdict(verdict: Verdict, table: Table) -> bool:
    """Take in a verdict and say whether it counts more than what was known."""
    read = read_verdict(verdict)
    if not put_verdict(read, table):
        return False
    for judge in read.judges:
        note_judge(read.label, judge, table)
    return True


def read_verdict(verdict: Verdict) -> VerdictRead:
    """Return what is kept of a verdict."""
    return VerdictRead(
        verdict.turn_id,
        verdict.label,
        verdict_rank(verdict),
        verdict.status,
        None if verdict.scores is None else verdict.scores.overall,
        tuple(o.rationale[:RATIONALE_CHARS] for o in verdict.opinions if o.rationale),
        tuple(orjson.dumps((o.judge, o.model, o.rubric)).decode() for o in verdict.opinions),
    )


def put_verdict(read: VerdictRead, table: Table) -> bool:
    """Take in a verdict that was read, without its judges; say as `take_verdict` does."""
    key = SCORE + read.turn_id
    stored = table.get(key)
    scores: dict[str, Any] = {} if stored is None else orjson.loads(stored)
    if read.label in scores and tuple(scores[read.label][0]) >= read.rank:
        return False
    scores[read.label] = (read.rank, read.status, read.overall, read.rationales)
    table.put(key, orjson.dumps(scores))
    return True


def note_judge(label: str, judge: str, table: Table) -> None:
    """Note one of the judges whose opinions a panel's verdicts hold."""
    at = f"{JUDGES}{label}/{judge}"
    if table.get(at) is None:
        table.put(at, judge.encode())


def judges_of(panel: str, table: Table) -> list[list[str]]:
    """Return name, model and rubric of those whose opinions a panel's verdicts hold."""
    return [orjson.loads(value) for _, value in table.scan(f"{JUDGES}{panel}/")]


def take_reaction(reaction: Reaction, table: Table) -> bool:
    """Take in what the user said after a turn and say whether it is new."""
    if not put_reaction(read_reaction(reaction), table):
        return False
    _add_to(f"{_AFTER}{reaction.at_ms}", reaction.turn_id, table)
    return True


def read_reaction(reaction: Reaction) -> Heard:
    """Return what is kept of a reaction."""
    return Heard(reaction.turn_id, reaction.id, reaction.at_ms, reaction.text)


def put_reaction(heard: Heard, table: Table) -> bool:
    """Take in a reaction that was read, but not as what began a turn (`before`); say as
    `take_reaction` does."""
    key = _REACTION + heard.turn_id
    stored = table.get(key)
    known: dict[str, Any] = {} if stored is None else orjson.loads(stored)
    if heard.id in known or heard.at_ms is None:
        return False
    known[heard.id] = (heard.at_ms, heard.text)
    table.put(key, orjson.dumps(known, option=orjson.OPT_SORT_KEYS))
    return True


def take_generation(generation: Generation, table: Table) -> bool:
    """Take in what a model would have decided in a turn and say whether it is new."""
    key = _GENERATION + generation.turn_id
    stored = table.get(key)
    made: dict[str, Any] = {} if stored is None else orjson.loads(stored)
    record = generation.model_dump(mode="json", by_alias=True)
    if made.get(generation.id) == record:
        return False
    made[generation.id] = record
    table.put(key, orjson.dumps(made, option=orjson.OPT_SORT_KEYS))
    return True


def generations_of(turn_id: str, table: Table) -> list[Generation]:
    """Return what models would have decided in a turn, in no order."""
    stored = table.get(_GENERATION + turn_id)
    records = [] if stored is None else orjson.loads(stored).values()
    return [Generation.model_validate(record) for record in records]


def scored_generations_of(
    turn_id: str, side: GeneratedSide, panel: str, table: Table
) -> list[Generation]:
    """Return what models would have decided in a turn, where the panel gave it a score: those for
    the chosen side from the best, those for the rejected one from the worst."""
    sign = -1 if side == "chosen" else 1
    scored = [
        each
        for each in generations_of(turn_id, table)
        if (each.side, each.panel) == (side, panel) and each.overall is not None
    ]
    return sorted(scored, key=lambda each: (sign * (each.overall or 0), each.id))


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
