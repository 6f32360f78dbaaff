"""`unpaired`: one decision with a label, for trainers that need no partner (KTO)."""

from __future__ import annotations

from typing import NamedTuple

from schemas.pair import ChatMessage
from sinks.blame import blame
from sinks.example import Scored, calls_in, side, teachable, whole


class Unpaired(NamedTuple):
    """A prompt, one decision, and whether to do it. `evidence` says why this decision."""

    turn_id: str
    session: str
    started_ms: int
    decision: int
    prompt: tuple[ChatMessage, ...]
    completion: ChatMessage
    label: bool
    overall: float
    evidence: str


def unpaired(scored: Scored, *, good: bool) -> Unpaired | None:
    """Return the example of a turn without a partner, or None if no model can learn from it.

    Of a bad turn it is the decision to blame. Of a good one any would do; which one is drawn by the
    turn's id, so that first calls, later calls and answers all come up.
    """
    index, evidence = _drawn(scored) if good else _blamed(scored)
    if index is None or not whole(scored.said[:index]):
        return None
    prompt = scored.prompt(index)
    stands = side(scored, index, scored.overall, calls_in(prompt))
    return Unpaired(
        scored.turn.id,
        scored.turn.session,
        scored.turn.started_ms,
        stands.decision,
        prompt,
        stands.messages[0],
        good,
        scored.overall,
        evidence,
    )


def _blamed(scored: Scored) -> tuple[int | None, str]:
    fault = scored.fault
    if fault is None or not teachable(scored.said[fault.index], chosen=False):
        return None, ""
    return fault.index, fault.evidence or "the turn's first decision"


def _drawn(scored: Scored) -> tuple[int | None, str]:
    of_it = sound(scored)
    if not of_it:
        return None, ""
    return of_it[int(scored.turn.id[:8], 16) % len(of_it)], "a decision of a good turn"


def sound(scored: Scored) -> list[int]:
    """Return the indices of the decisions of a good turn that a model can learn to make."""
    # By what happened alone: the call that judges name in a good turn may be the one they praise.
    fault = blame(scored.said)
    return [
        index
        for index, each in enumerate(scored.said)
        if teachable(each, chosen=True)
        and not (fault is not None and fault.evidence and fault.index == index)
    ]
