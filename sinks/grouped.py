"""The strategies that pair within groups of turns, over a table."""

from __future__ import annotations

from schemas.settings import Pairs
from schemas.table import Table
from sinks import known
from sinks.example import Scored
from sinks.kept import replace_pairs
from sinks.output import Output
from sinks.sides import Group, SideOf, note_side, side, side_of
from sinks.strategies.select import Candidate, Grouping, group_of, select


class Grouped:
    """One such grouping. Whenever a turn's side changes, the pairs of its group are made again.

    `on` says whether its strategy is among those of the rules. If not, `place` only takes away what
    was made under other rules.
    """

    def __init__(self, grouping: Grouping, panel: str, rules: Pairs) -> None:
        self._grouping = grouping
        self._panel = panel
        self._rules = rules
        self.on = grouping.strategy in rules.strategies

    def place(self, turn_id: str, table: Table, *, again: bool = False) -> list[Output]:
        """Put a turn on the side where its group and score put it, or on none, and return what
        changes; `again` if its content or the rules may have changed, too."""
        name = self._grouping.name
        before, now = side_of(name, turn_id, table), self._side(turn_id, table)
        if before == now and not (again and now):
            return []
        note_side(name, turn_id, now, table)
        if before is None or now is None or before.group == now.group:
            return self._move(before, now, table, again=again)
        outputs = self._move(before, None, table, again=True)
        return outputs + self._move(None, now, table, again=True)

    def _side(self, turn_id: str, table: Table) -> SideOf | None:
        stored = table.get(known.TURN + turn_id) if self.on else None
        score = known.score_of(turn_id, self._panel, table) if stored else None
        if stored is None or score is None:
            return None
        if score.status != "scored" or score.overall is None:
            return None
        line, record = known.read_stored(stored)
        group = group_of(self._grouping, line.groups, lambda: record)
        if not group:
            return None
        candidate = Candidate(turn_id, score.overall, line.started_ms)
        if score.overall >= self._rules.chosen:
            return side(group, "chosen", candidate)
        if score.overall <= self._rules.rejected:
            return side(group, "rejected", candidate)
        return None

    def _move(
        self, before: SideOf | None, now: SideOf | None, table: Table, *, again: bool
    ) -> list[Output]:
        """Move a turn within its group and make the group's pairs again where that matters."""
        place = now or before
        if place is None:
            return []
        group = Group(place.group, table)
        old = (group.best("chosen"), group.best("rejected"))
        if before != now:
            if before is not None:
                group.remove(before.kind, before.member)
            if now is not None:
                group.add(now.kind, now.member)
        chosen, rejected = group.best("chosen"), group.best("rejected")
        outputs: list[Output] = []
        if again or (chosen, rejected) != old:
            pairs = select(
                self._grouping,
                chosen,
                rejected,
                lambda candidate: self._load(candidate, table),
                self._panel,
                self._rules,
            )
            outputs = replace_pairs(group.made, pairs, table)
            group.made = sorted(pair.id for pair in pairs)
        group.save()
        return outputs

    def _load(self, candidate: Candidate, table: Table) -> Scored:
        score = known.score_of(candidate.turn_id, self._panel, table)
        rationales = score.rationales if score else ()
        return Scored(known.turn_of(candidate.turn_id, table), candidate.overall, rationales)
