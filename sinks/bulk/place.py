"""Putting turns where those stand that they may pair with: with their group, with their session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from schemas.pair import PreferencePair
from schemas.settings import Pairs
from sinks.bulk.frames import FrameWriter, Spot, SpotReader
from sinks.bulk.join import Joined, given_of, record_of, turns_of
from sinks.bulk.shards import Shards
from sinks.followed import good_case, pairs_of
from sinks.mends import AsksAgain, Reply
from sinks.sides import Kind
from sinks.strategies.select import GROUPINGS, group_of

MEMBERS: Final = "members"
SAID: Final = "said"
PAIRS: Final = "pairs"

Made = Counter[str]
"""How many pairs were made, by strategy."""


@dataclass(frozen=True)
class Task:
    """By what the turns of all shards are paired: whose scores count, the thresholds, who hears
    whether the user asks again. `run` names the task among those over the same turns."""

    shards: Shards
    panel: str
    rules: Pairs
    asks_again: AsksAgain
    run: str

    def parts_of(self, kind: str, writer: str) -> list[str]:
        """Return for each shard of this task the file in which a writer leaves its part."""
        return self.shards.parts_of(f"{self.run}/{kind}", writer)


class Member(NamedTuple):
    """A turn on a side of a group. Members sort in the order in which they are tried, chosen ones
    before rejected ones."""

    grouping: str
    group: str
    kind: Kind
    order: float
    started_ms: int
    turn_id: str
    agent: str
    overall: float
    spot: Spot


class Said(NamedTuple):
    """A turn in its session, and what the user said next, where that can lead to a better one."""

    session: str
    started_ms: int
    turn_id: str
    overall: float | None
    request: str
    replies: list[Reply]
    generations: list[str]
    spot: Spot


def kind_of(overall: float | None, rules: Pairs) -> Kind | None:
    """Return on which side a turn with this score stands, or None for neither."""
    if overall is None:
        return None
    if overall >= rules.chosen:
        return "chosen"
    return "rejected" if overall <= rules.rejected else None


def place(task: Task, shard: int) -> Made:
    """Put the turns of a shard where they may find partners.

    Good turns that got over a failed call make their pairs right here.
    """
    shards, rules, writer = task.shards, task.rules, f"{shard:04d}"
    follows = not {"retry", "regenerate"}.isdisjoint(rules.strategies)
    made: Made = Counter()
    members, said = (task.parts_of(kind, writer) for kind in (MEMBERS, SAID))
    with FrameWriter(shards.folder) as frames, SpotReader(shards.folder) as reader:
        for turn, spot in turns_of(shards, shard):
            kind = kind_of(turn.overall, rules)
            for member in _members(turn, kind, spot, rules, reader):
                frames.add(members[shards.of_text(member.group)], member)
            if follows:
                frames.add(said[shards.of_text(turn.session)], _said(turn, kind, spot))
            worth = turn.failed or turn.generations
            if worth and kind == "chosen" and turn.overall is not None:
                given = given_of(turn.overall, reader.read(spot))
                case = good_case(given, turn.generated(), task.panel, rules)
                if case is not None:
                    pairs = pairs_of(case, task.panel, rules)
                    leave(pairs, turn.agent, task, f"good-{writer}", frames, made)
    return made


def leave(
    pairs: list[PreferencePair],
    agent: str,
    task: Task,
    writer: str,
    frames: FrameWriter,
    made: Made,
) -> None:
    """Leave pairs for whoever wants them, and count them."""
    for pair in pairs:
        made[pair.strategy] += 1
        head = (pair.id, pair.chosen.turn_id, pair.rejected.turn_id, agent)
        frames.add(f"{task.run}/{PAIRS}/{writer}", head, pair.to_bytes())


def _members(
    turn: Joined, kind: Kind | None, spot: Spot, rules: Pairs, reader: SpotReader
) -> Iterator[Member]:
    if kind is None or turn.overall is None:
        return
    overall = round(turn.overall, 3)
    order = -overall if kind == "chosen" else overall
    for grouping in GROUPINGS:
        if grouping.strategy not in rules.strategies:
            continue
        group = group_of(grouping, turn.groups, lambda: record_of(reader.read(spot)))
        if group:
            yield Member(
                grouping.name, group, kind, order, turn.started_ms, turn.turn_id, turn.agent,
                overall, spot,
            )  # fmt: skip


def _said(turn: Joined, kind: Kind | None, spot: Spot) -> Said:
    # A good turn is the end of a chain: whatever was said after it sets nothing right.
    more = kind != "chosen"
    return Said(
        turn.session,
        turn.started_ms,
        turn.turn_id,
        turn.overall,
        turn.request if more and turn.replies else "",
        turn.replies if more else [],
        turn.generations if more else [],
        spot,
    )
