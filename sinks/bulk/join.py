"""Joining what was taken in of each turn: the copy that counts, the panel's last word, what the
user said next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, NamedTuple

import orjson

from schemas.generation import Generation
from sinks.bulk.frames import FrameWriter, Spot, frames, heads
from sinks.bulk.shards import Shards
from sinks.bulk.take import HEARD, SCORE, TAKEN, TURN
from sinks.example import Given
from sinks.followed import may_have_failed

JOINED: Final = "joined"


class Joined(NamedTuple):
    """A turn that can be a side, without its record. `overall` is None where the panel gave it no
    score; `replies` are what the user said next, by time (epoch milliseconds); `failed` says that a
    call of it may have failed; `generations` are the records of what models would have decided in
    it."""

    turn_id: str
    session: str
    started_ms: int
    request: str
    groups: dict[str, str]
    overall: float | None
    replies: list[tuple[int, str]]
    failed: bool
    generations: list[str]

    def generated(self) -> Iterator[Generation]:
        """Yield what models would have decided in it."""
        for record in self.generations:
            yield Generation.model_validate_json(record)

    @property
    def agent(self) -> str:
        """Whose turn it is."""
        return self.session.split("/", 1)[0]


@dataclass(slots=True)
class Tally:
    """What there is, each once: how many turns, and how many that the panel spoke of; the overall
    scores, the judges (name, model and rubric, as JSON), the agents of the turns that were asked
    for, and the pairs of sessions that hold the same turn."""

    turns: int = 0
    verdicts: int = 0
    scores: Counter[float] = field(default_factory=Counter)
    judges: set[str] = field(default_factory=set)
    agents: dict[str, str] = field(default_factory=dict)
    links: set[tuple[str, str]] = field(default_factory=set)

    def add(self, other: Tally) -> None:
        """Add what there is elsewhere."""
        self.turns += other.turns
        self.verdicts += other.verdicts
        self.scores += other.scores
        self.judges |= other.judges
        self.agents |= other.agents
        self.links |= other.links


class _Known:
    """What is known of one turn. A turn's smallest rank counts, and a verdict's largest."""

    __slots__ = ("heard", "made", "score", "sessions", "turn")

    def __init__(self) -> None:
        self.turn: tuple[list[Any], bytes] | None = None
        self.score: list[Any] | None = None
        self.heard: dict[str, tuple[int, str]] = {}
        self.made: set[str] = set()
        self.sessions: set[str] = set()

    def take(self, head: list[Any], body: bytes) -> None:
        kind = head[0]
        if kind == TURN:
            self.sessions.add(head[3].partition("/")[2])
            if self.turn is None or head[2] < self.turn[0][2]:
                self.turn = head, body
        elif kind == SCORE:
            if self.score is None or head[2] > self.score[2]:
                self.score = head
        elif kind == HEARD:
            self.heard.setdefault(head[2], (head[3], head[4]))
        else:
            self.made.add(body.decode())


def join(shards: Shards, wanted: frozenset[str], shard: int) -> Tally:
    """Join one shard, turns by their ids, and remove what it was made of.

    Args:
        shards: where it is.
        wanted: turns whose agents are to be told.
        shard: its number.
    """
    turns: dict[str, _Known] = {}
    for head, body in shards.parts(TAKEN, shard):
        found = turns.get(head[1])
        if found is None:
            found = turns[head[1]] = _Known()
        found.take(head, body)
    tally = Tally()
    with FrameWriter(shards.folder) as writer:
        for turn_id in sorted(turns):
            found = turns[turn_id]
            overall, rationales = _scored(found.score, tally)
            if found.turn is None:
                continue
            tally.turns += 1
            tally.links.update(pairwise(sorted(found.sessions)))
            (_, _, _, session, started_ms, request, groups), record = found.turn
            if turn_id in wanted:
                tally.agents[turn_id] = session.split("/", 1)[0]
            if record:
                replies = sorted(found.heard.values())
                head = Joined(
                    turn_id, session, started_ms, request, groups, overall, replies,
                    may_have_failed(record), sorted(found.made),
                )  # fmt: skip
                body = orjson.dumps(rationales) + b"\n" + record
                writer.add(_file(shard), head, body)
    shards.drop(TAKEN, shard)
    return tally


def turns_of(shards: Shards, shard: int) -> Iterator[tuple[Joined, Spot]]:
    """Yield the turns of a joined shard in the order of their ids, and where the rest stands."""
    for head, spot in heads(shards.folder, _file(shard)):
        yield Joined(*head), spot


def whole_turns_of(shards: Shards, shard: int) -> Iterator[tuple[Joined, bytes]]:
    """Yield the turns of a joined shard in the order of their ids, each with what stands at its
    spot."""
    for head, body in frames(shards.folder / _file(shard)):
        yield Joined(*head), body


def given_of(overall: float, body: bytes) -> Given:
    """Return a turn with its score, from what stands at its spot."""
    rationales, _, record = body.partition(b"\n")
    return Given(overall, tuple(orjson.loads(rationales)), record)


def record_of(body: bytes) -> bytes:
    """Return a turn's record, from what stands at its spot."""
    return body.partition(b"\n")[2]


def _scored(score: list[Any] | None, tally: Tally) -> tuple[float | None, list[str]]:
    if score is None:
        return None, []
    _, _, _, status, overall, rationales, judges = score
    tally.verdicts += 1
    tally.judges.update(judges)
    if status != "scored" or overall is None:
        return None, []
    tally.scores[overall] += 1
    return overall, rationales


def _file(shard: int) -> str:
    return f"{JOINED}/{shard:04d}"
