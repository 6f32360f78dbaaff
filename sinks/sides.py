"""The scored turns of a group in the order in which they are tried, however many there are.

A cron task is asked thousands of times in the same words. So a group's record holds only its best
few turns of each kind, and is read and written in the same time however large it is; all of them
stand as keys of their own, for when the best ones go.

In the table, under `pairs/`:
    side/<grouping>/<turn id>                the turn's side, if it is one
    member/<group>/<kind>/<order>/<turn id>  the same turns in order
    group/<group>                            the best of them, and the pairs made
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal, NamedTuple

import orjson

from schemas.table import Table
from sinks.strategies.select import SIDES, Candidate

_SIDE = "pairs/side/"
_MEMBER = "pairs/member/"
_GROUP = "pairs/group/"

KEPT = 4 * SIDES
"""How many of each kind a group's record holds: enough that few removals ask for a refill."""

Kind = Literal["chosen", "rejected"]


class Member(NamedTuple):
    """A turn on a side. Members sort in the order in which they are tried: `order` is the overall
    score, negative for chosen turns."""

    order: float
    started_ms: int
    turn_id: str

    @property
    def candidate(self) -> Candidate:
        """The turn with its score."""
        return Candidate(self.turn_id, abs(self.order), self.started_ms)


class SideOf(NamedTuple):
    """Where a turn stands: the group, the kind, and its place among that kind."""

    group: str
    kind: Kind
    member: Member


def side(group: str, kind: Kind, candidate: Candidate) -> SideOf:
    """Return where a turn stands that has become a side."""
    overall = round(candidate.overall, 3)
    order = -overall if kind == "chosen" else overall
    return SideOf(group, kind, Member(order, candidate.started_ms, candidate.turn_id))


def side_of(grouping: str, turn_id: str, table: Table) -> SideOf | None:
    """Return where a turn stands at present."""
    stored = table.get(f"{_SIDE}{grouping}/{turn_id}")
    if stored is None:
        return None
    group, kind, member = orjson.loads(stored)
    return SideOf(group, kind, Member(*member))


def note_side(grouping: str, turn_id: str, now: SideOf | None, table: Table) -> None:
    """Note where a turn stands from now on."""
    key = f"{_SIDE}{grouping}/{turn_id}"
    if now is None:
        table.delete(key)
    else:
        table.put(key, orjson.dumps((now.group, now.kind, tuple(now.member))))


@dataclass(slots=True)
class _Ranked:
    """The first members of one kind; `more` says that there may be others behind the last."""

    members: list[Member] = field(default_factory=list)
    more: bool = False


class Group:
    """A group's sides and the pairs made of them, by id."""

    def __init__(self, digest: str, table: Table) -> None:
        self._digest = digest
        self._table = table
        self._kinds: dict[Kind, _Ranked] = {"chosen": _Ranked(), "rejected": _Ranked()}
        self.made: list[str] = []
        stored = table.get(_GROUP + digest)
        if stored is not None:
            chosen, rejected, self.made = orjson.loads(stored)
            for ranked, (members, more) in zip(
                self._kinds.values(), (chosen, rejected), strict=True
            ):
                ranked.members = [Member(*member) for member in members]
                ranked.more = more

    def best(self, kind: Kind) -> list[Candidate]:
        """Return the turns of a kind that are looked at, first the best chosen or the worst
        rejected."""
        return [member.candidate for member in self._kinds[kind].members[:SIDES]]

    def add(self, kind: Kind, member: Member) -> None:
        """Add a turn that is not there."""
        self._table.put(self._key(kind, member), orjson.dumps(tuple(member)))
        ranked = self._kinds[kind]
        if ranked.more and member > ranked.members[-1]:
            return
        insort(ranked.members, member)
        if len(ranked.members) > KEPT:
            ranked.members.pop()
            ranked.more = True

    def remove(self, kind: Kind, member: Member) -> None:
        """Remove a turn that is there."""
        self._table.delete(self._key(kind, member))
        ranked = self._kinds[kind]
        if member not in ranked.members:
            return
        ranked.members.remove(member)
        if ranked.more and len(ranked.members) < SIDES:
            prefix = f"{_MEMBER}{self._digest}/{kind}/"
            found = [Member(*orjson.loads(v)) for _, v in islice(self._table.scan(prefix), KEPT)]
            ranked.members = found
            ranked.more = len(found) == KEPT

    def save(self) -> None:
        """Write the record, or forget a group without any sides."""
        kinds = [
            ([tuple(member) for member in ranked.members], ranked.more)
            for ranked in self._kinds.values()
        ]
        if self.made or any(members for members, _ in kinds):
            value = orjson.dumps((*kinds, self.made), option=orjson.OPT_SORT_KEYS)
            self._table.put(_GROUP + self._digest, value)
        else:
            self._table.delete(_GROUP + self._digest)

    def _key(self, kind: Kind, member: Member) -> str:
        # Offset by 10, so that the scores of both kinds are positive and sort as text.
        order = f"{member.order + 10:06.3f}/{member.started_ms:015d}/{member.turn_id}"
        return f"{_MEMBER}{self._digest}/{kind}/{order}"
