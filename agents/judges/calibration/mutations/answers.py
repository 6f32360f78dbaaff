"""Work that was not what was asked, was not finished, or is no work at all."""

from __future__ import annotations

import random
from typing import Final

from agents.judges.calibration.mutations.base import Change, Material, Mutation, said
from agents.judges.calibration.mutations.edit import with_answer, with_steps
from schemas.turn import Decision, Turn

MASTER_KEYS: Final = (
    ":",
    "Thought process:",
    "Solution",
    "Let's solve this problem step by step.",
)
"""Answers without content that judges are known to pass (2507.08794: false positives up to
80-90 %)."""


def ignored_instruction(turn: Turn, dice: random.Random, material: Material) -> Change | None:
    """Put the whole work of another turn under this request."""
    own = said(turn.request)
    donors = [
        other
        for other in material.turns
        if other.calls and other.answer.strip() and said(other.request) != own
    ]
    if not donors:
        return None
    donor = dice.choice(donors)
    took = donor.ended_ms - donor.started_ms
    other_work = with_steps(
        turn,
        donor.steps,
        answer=donor.answer,
        stop_reason=donor.stop_reason,
        usage=donor.usage,
        ended_ms=turn.started_ms + took,
    )
    asked = " ".join(donor.request.split())[:60]
    return Change(other_work, f"did the work of another request (“{asked}”)")


def truncated(turn: Turn, dice: random.Random, material: Material) -> Change | None:  # noqa: ARG001
    """Stop after some call or result, without an answer."""
    first = next((at for at, s in enumerate(turn.steps) if isinstance(s, Decision) and s.calls), -1)
    last = max((at for at, s in enumerate(turn.steps) if _is_work(s)), default=-1)
    if first < 0:
        return None
    end = dice.randint(first, last)
    steps = list(turn.steps[: end + 1])
    at = max(at for at, s in enumerate(steps) if isinstance(s, Decision))
    steps[at] = steps[at].model_copy(update={"stop_reason": "length"})
    cut = with_steps(turn, steps, answer="", stop_reason="length")
    return Change(cut, f"stopped after {end + 1} of {len(turn.steps)} steps, with no answer")


def degenerate(turn: Turn, dice: random.Random, material: Material) -> Change | None:  # noqa: ARG001
    """Answer with a phrase that says nothing, after the work or instead of it."""
    key = dice.choice(MASTER_KEYS)
    if dice.random() < 0.5:
        return Change(with_answer(turn, key), f"answered “{key}”")
    nothing = with_answer(with_steps(turn, ()), key)
    return Change(nothing, f"did nothing and answered “{key}”")


def _is_work(step: object) -> bool:
    return not isinstance(step, Decision) or bool(step.calls)


IGNORED_INSTRUCTION = Mutation(
    "ignored_instruction",
    "Did something else than what was asked.",
    "FBI, EMNLP 2024: instruction-following drops",
    ignored_instruction,
)
TRUNCATED = Mutation(
    "truncated",
    "Stopped in the middle and never answered.",
    "the owner's lesson 4: what ends at a token limit",
    truncated,
)
DEGENERATE = Mutation(
    "degenerate",
    "Answered with a phrase that says nothing.",
    "2507.08794: “:” and “Thought process:” pass up to 80-90 % of the time",
    degenerate,
)
