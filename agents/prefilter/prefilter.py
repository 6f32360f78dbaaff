"""The pre-filter's decision: a function of the turn and of what its session has shown before."""

from __future__ import annotations

from agents.prefilter.duplicates import content_digest
from agents.prefilter.rules import rules
from schemas.judgement import Judgement, judgement_id
from schemas.settings import Prefilter as PrefilterSettings
from schemas.table import Table
from schemas.turn import Turn

NAME = "prefilter"
"""The pre-filter's name where judges have theirs."""

MODEL = "rules"
RUBRIC = "prefilter-1"
"""Counts changes of what a rule means; thresholds belong to the settings."""

_PASSED = b"passed"
_COPIED = b"copied"


class Prefilter:
    """Passes a turn or says by which rule it is dropped.

    Everything that is remembered belongs to one session, and a session stays in order on its
    topic; so the decisions do not depend on how the records of several sessions interleave.
    """

    def __init__(self, settings: PrefilterSettings | None = None) -> None:
        settings = PrefilterSettings() if settings is None else settings
        self._rules = tuple(rules(settings))
        self._duplicates = settings.duplicate.enabled

    def apply(self, turn: Turn, table: Table) -> Turn | Judgement | None:
        """Decide on one turn.

        The stage must make the table durable only together with what is returned here: a turn
        whose decision is in the table is not decided on again.

        Returns:
            `turn` itself if it passes; a Judgement with status `skipped`, the rule's name in
            `reason` and what it saw in `rationale` if it is dropped; None if nothing is to be
            decided: this turn of this session has been (a redelivery, a rewritten file), or it is
            a copy. A copy has the id of its original but may be followed by other words of the
            user; were both to pass, the judges would see whichever came first.
        """
        handled = f"turn/{turn.session}/{turn.id}"
        if table.get(handled) is not None:
            return None
        dropped = self._dropped(turn, table)
        if turn.copied:
            table.put(handled, _COPIED)
            return None
        if dropped is None:
            table.put(handled, _PASSED)
            return turn
        rule, seen = dropped
        table.put(handled, rule.encode())
        return Judgement(
            id=judgement_id(turn.id, NAME, MODEL, RUBRIC),
            turn_id=turn.id,
            judge=NAME,
            kind="prefilter",
            model=MODEL,
            rubric=RUBRIC,
            status="skipped",
            reason=rule,
            rationale=seen,
        )

    def apply_bytes(self, value: bytes, table: Table) -> bytes | Judgement | None:
        """Decide on a record of the `turns` topic; a turn that passes is not serialised again.

        Returns:
            `value` itself if the turn passes, otherwise as `apply`.

        Raises:
            pydantic.ValidationError: the bytes are no Turn.
        """
        decision = self.apply(Turn.from_bytes(value), table)
        return value if isinstance(decision, Turn) else decision

    def _dropped(self, turn: Turn, table: Table) -> tuple[str, str] | None:
        for name, decide in self._rules:
            seen = decide(turn)
            if seen is not None:
                return name, seen
        if self._duplicates:
            # Only turns that pass are remembered: what other rules drop can't be duplicated.
            content = f"content/{turn.session}/{content_digest(turn)}"
            earlier = table.get(content)
            if earlier is not None:
                return (
                    "duplicate",
                    f"same request, {len(turn.calls)} calls and {len(turn.results)} results "
                    f"as turn {earlier.decode()}",
                )
            table.put(content, turn.id.encode())
        return None
