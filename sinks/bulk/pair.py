"""Pairing what stands together: the turns of a group, the turns of a conversation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from schemas.generation import Generation
from sinks.bulk.frames import FrameWriter, Spot, SpotReader
from sinks.bulk.join import given_of
from sinks.bulk.place import MEMBERS, SAID, Made, Member, Said, Task, kind_of, leave
from sinks.example import Given, Scored
from sinks.followed import bad_case, pairs_of
from sinks.mends import Reply, mends
from sinks.sides import Kind
from sinks.strategies.select import GROUPINGS, SIDES, Candidate, Grouping, select

_GROUPINGS: dict[str, Grouping] = {each.name: each for each in GROUPINGS}

Load = Callable[[float, Spot], Given]


def pair(task: Task, shard: int) -> Made:
    """Make the pairs of the groups and of the sessions of a shard, and remove what they were made
    of."""
    made: Made = Counter()
    with FrameWriter(task.shards.folder) as frames, SpotReader(task.shards.folder) as reader:

        def load(overall: float, spot: Spot) -> Given:
            return given_of(overall, reader.read(spot))

        for members in _groups(task, shard):
            _pair_group(task, members, load, f"group-{shard:04d}", frames, made)
        for session in _sessions(task, shard):
            _pair_session(task, session, load, f"session-{shard:04d}", frames, made)
    for kind in (MEMBERS, SAID):
        task.shards.drop(f"{task.run}/{kind}", shard)
    return made


def _groups(task: Task, shard: int) -> Iterator[list[Member]]:
    found: dict[tuple[str, str], list[list[Any]]] = {}
    for head, _ in task.shards.parts(f"{task.run}/{MEMBERS}", shard):
        found.setdefault((head[0], head[1]), []).append(head)
    for heads in found.values():
        # Most are alone: nobody else was asked the same.
        if len(heads) > 1:
            yield sorted(Member._make((*head[:-1], Spot(*head[-1]))) for head in heads)


def _pair_group(
    task: Task,
    members: Sequence[Member],
    load: Load,
    writer: str,
    frames: FrameWriter,
    made: Made,
) -> None:
    chosen, rejected = (_first(members, kind) for kind in ("chosen", "rejected"))
    if not chosen or not rejected:
        return
    at = {each.turn_id: each for each in (*chosen, *rejected)}

    def scored(candidate: Candidate) -> Scored:
        return load(candidate.overall, at[candidate.turn_id].spot).scored()

    good, bad = (
        [Candidate(each.turn_id, each.overall, each.started_ms) for each in side]
        for side in (chosen, rejected)
    )
    pairs = select(_GROUPINGS[members[0].grouping], good, bad, scored, task.panel, task.rules)
    leave(pairs, members[0].agent, task, writer, frames, made)


def _first(members: Iterable[Member], kind: Kind) -> list[Member]:
    return [each for each in members if each.kind == kind][:SIDES]


def _sessions(task: Task, shard: int) -> Iterator[list[Said]]:
    heads = (head for head, _ in task.shards.parts(f"{task.run}/{SAID}", shard))
    turns = (Said._make((*head[:-1], Spot(*head[-1]))) for head in heads)
    said = sorted(turns, key=lambda each: (each.session, each.started_ms, each.turn_id))
    for _, session in groupby(said, key=lambda each: each.session):
        yield list(session)


def _pair_session(
    task: Task, said: Sequence[Said], load: Load, writer: str, frames: FrameWriter, made: Made
) -> None:
    session = _Session(said)
    strategies = task.rules.strategies
    for turn in said:
        if turn.overall is None or kind_of(turn.overall, task.rules) != "rejected":
            continue
        found: list[tuple[Given, tuple[str, ...]]] = []
        if "retry" in strategies:
            chosen = task.rules.chosen
            for later_id, replies in mends(turn.turn_id, session, task.asks_again, chosen):
                later = session.turns[later_id]
                assert later.overall is not None
                found.append((load(later.overall, later.spot), replies))
        if not found and not turn.generations:
            continue
        generated = map(Generation.model_validate_json, turn.generations)
        given = load(turn.overall, turn.spot)
        case = bad_case(given, found, generated, task.panel, task.rules)
        if case is not None:
            agent = turn.session.split("/", 1)[0]
            leave(pairs_of(case, task.panel, task.rules), agent, task, writer, frames, made)


class _Session:
    """The turns of one session; a `sinks.mends.Conversations`."""

    def __init__(self, said: Sequence[Said]) -> None:
        self.turns = {each.turn_id: each for each in said}
        self._began: dict[int, list[str]] = {}
        for each in said:
            self._began.setdefault(each.started_ms, []).append(each.turn_id)

    def replies(self, turn_id: str) -> Sequence[Reply]:
        return self.turns[turn_id].replies

    def began(self, turn_id: str, at_ms: int) -> Sequence[str]:  # noqa: ARG002 - all are of one
        return self._began.get(at_ms, ())

    def request(self, turn_id: str) -> str:
        return self.turns[turn_id].request

    def overall(self, turn_id: str) -> float | None:
        return self.turns[turn_id].overall
