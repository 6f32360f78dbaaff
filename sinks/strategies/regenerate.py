"""`regenerate`: what a model, asked again, would have decided in place of the bad decision.

The two stand under literally the same prompt. The generated one was never run, so the panel scored
it as a proposal; it counts less than what has proved itself.
"""

from __future__ import annotations

from schemas.generation import Generation
from schemas.pair import PreferencePair, Side
from schemas.settings import Pairs
from sinks.chat import renumbered
from sinks.example import Scored, calls_in, pair, side, teachable, whole
from sinks.likeness import nearly_identical


def regenerated(bad: Scored, made: Generation, panel: str, rules: Pairs) -> PreferencePair | None:
    """Return the pair of a bad decision and the one generated for its place, if it is good enough.

    Args:
        bad: the turn that went wrong.
        made: what a model would have decided there.
        panel: whose scores both are.
        rules: how good it must be, and how far above the bad one.
    """
    if made.message is None or made.overall is None or made.overall < rules.chosen:
        return None
    if made.overall - bad.overall < rules.min_margin:
        return None
    index = _index(bad, made.decision)
    if index is None or not teachable(bad.said[index], chosen=False):
        return None
    if not whole(bad.said[:index]) or nearly_identical(made.message, bad.said[index].message):
        return None
    prompt = bad.prompt(index)
    before = calls_in(prompt)
    good = Side(
        turn_id=made.id,
        session=bad.turn.session,
        messages=(renumbered(made.message, before + 1),),
        overall=made.overall,
    )
    return pair(
        "regenerate",
        f"decision {made.decision} anew by {made.model}; its calls were not run",
        panel,
        bad,
        prompt,
        good,
        side(bad, index, bad.overall, before),
    )


def _index(bad: Scored, decision: int) -> int | None:
    """Return the index among a turn's messages of its decision of that number."""
    for index, said in enumerate(bad.said):
        if said.decision is not None and bad.number(index) == decision:
            return index
    return None
