"""`retry`: the user asked again or corrected, and a later turn did it well.

The good decision is put under the prompt of the first request, in place of the bad one.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.pair import PreferencePair
from sinks.chat import Said
from sinks.example import Scored, calls_in, pair, side, teachable, whole
from sinks.foresight import borrowed, looks_back, texts_of
from sinks.likeness import nearly_identical


def retry(
    first: Scored, later: Scored, replies: Sequence[str], panel: str
) -> PreferencePair | None:
    """Return the pair of a bad turn and the good one that followed a correction, if it makes one.

    The bad side is the decision to blame (`sinks.blame`), or else the first that the good turn made
    otherwise. The good side is the first decision of the good turn that the bad one had not made
    before that point. It must act, not talk about the correction, and name nothing that only the
    correction or a result in between told (`sinks.foresight`).

    Args:
        first: the bad turn.
        later: the good turn.
        replies: what the user said from the bad turn to the good one.
        panel: whose scores these are.
    """
    fault = first.fault
    if fault is None:
        return None
    bad_index = fault.index if fault.evidence else _departure(first, later)
    if bad_index is None:
        return None
    good_index = _first_new(first.said[:bad_index], later.said)
    if good_index is None:
        return None
    bad, good = first.said[bad_index], later.said[good_index]
    if not (
        teachable(bad, chosen=False) and teachable(good, chosen=True) and good.message.tool_calls
    ):
        return None
    if not whole(first.said[:bad_index]) or looks_back(good.message):
        return None
    if nearly_identical(good.message, bad.message):
        return None
    prompt = first.prompt(bad_index)
    known = texts_of([*prompt, bad.message])
    learned = [each.message.content for each in first.said[bad_index + 1 :] if each.result]
    learned += [each.message.content for each in later.said[:good_index] if each.result]
    if borrowed(good.message, known, [*learned, *replies, later.turn.request]):
        return None
    before = calls_in(prompt)
    return pair(
        "retry",
        f"asked again; {fault.evidence or 'the first decision that was made otherwise'}",
        panel,
        first,
        prompt,
        side(later, good_index, later.overall, before),
        side(first, bad_index, first.overall, before),
    )


def _departure(first: Scored, later: Scored) -> int | None:
    """Return the index of the first turn's first decision that the later one did not make."""
    made = {_acts(each) for each in later.said if each.decision is not None}
    for index, each in enumerate(first.said):
        if each.decision is not None and _acts(each) not in made:
            return index
    return None


def _first_new(before: Sequence[Said], said: Sequence[Said]) -> int | None:
    made = {_acts(each) for each in before if each.decision is not None}
    for index, each in enumerate(said):
        if each.decision is not None and _acts(each) not in made:
            return index
    return None


def _acts(said: Said) -> str:
    """Return what a decision does: its calls without their ids, or its words."""
    calls = [call["function"] for call in said.message.tool_calls or ()]
    return repr(calls) if calls else said.message.content
