"""`regenerate`: what a model, asked anew, would have decided in place of a turn's own decision.

The two stand under literally the same prompt. The generated one was never run, so the panel scored
it as a proposal; the pair counts less than one of two decisions that were. It is the chosen side
beside the bad decision of a bad turn, or the rejected one beside a decision of a good turn.
"""

from __future__ import annotations

from schemas.generation import GeneratedSide, Generation
from schemas.pair import PreferencePair, Side
from schemas.settings import Pairs
from sinks.chat import renumbered
from sinks.example import Scored, calls_in, pair, side, teachable, whole
from sinks.likeness import nearly_identical
from sinks.strategies.unpaired import sound


def regenerated(
    scored: Scored, made: Generation, panel: str, rules: Pairs
) -> PreferencePair | None:
    """Return the pair of a turn's decision and the one generated in its place, if the panel thinks
    well of one and ill of the other.

    Args:
        scored: the turn.
        made: what a model would have decided there, and for which side.
        panel: whose scores both are.
        rules: how good or bad it must be, and how far from the turn.
    """
    if made.message is None or made.overall is None:
        return None
    if not _far_apart(scored.overall, made.overall, made.side, rules):
        return None
    index = _index(scored, made)
    if index is None or not whole(scored.said[:index]):
        return None
    if nearly_identical(made.message, scored.said[index].message):
        return None
    prompt = scored.prompt(index)
    before = calls_in(prompt)
    own = side(scored, index, scored.overall, before)
    generated = Side(
        turn_id=made.id,
        session=scored.turn.session,
        decision=made.decision,
        messages=(renumbered(made.message, before + 1),),
        overall=made.overall,
    )
    chosen, rejected = (generated, own) if made.side == "chosen" else (own, generated)
    return pair(
        "regenerate",
        f"decision {made.decision} anew by {made.model}{_scored(made.overall)}",
        panel,
        scored,
        prompt,
        chosen,
        rejected,
    )


def was_generated(evidence: str, overall: float | None) -> bool:
    """Say whether a side with this score is the one that a pair's evidence calls made anew."""
    return overall is not None and evidence.endswith(_scored(overall))


def _scored(overall: float) -> str:
    return f", which the panel scored {overall:g}; its calls were not run"


def _far_apart(own: float, overall: float, side: GeneratedSide, rules: Pairs) -> bool:
    if side == "chosen":
        return overall >= rules.chosen and overall - own >= rules.min_margin
    return overall <= rules.rejected and own - overall >= rules.min_margin


def _index(scored: Scored, made: Generation) -> int | None:
    """Return the index among a turn's messages of the decision that was made anew, if a model can
    learn from it on the other side."""
    for index, said in enumerate(scored.said):
        if said.decision is not None and scored.number(index) == made.decision:
            if made.side == "chosen":
                return index if teachable(said, chosen=False) else None
            return index if index in sound(scored) else None
    return None
