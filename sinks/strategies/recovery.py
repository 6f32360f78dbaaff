"""A kind of `branch`: a call that failed, and the one that set it right.

Both stand under the prompt before the first. The second was made knowing the failure; so it makes
a pair only if it names nothing that the failure told (`sinks.foresight`).
"""

from __future__ import annotations

from itertools import pairwise

from schemas.pair import PreferencePair
from sinks.blame import Call, calls
from sinks.example import Scored, calls_in, pair, side, teachable, whole
from sinks.foresight import borrowed, looks_back, texts_of
from sinks.likeness import nearly_identical


def recovery(scored: Scored, panel: str) -> PreferencePair | None:
    """Return the pair of a good turn's first failed call that was set right at once, if any.

    The decision that failed makes one call, and the next decision one of the same tool, which
    succeeds. The failed side has no score, as the panel scored the turn that got over it.
    """
    made = list(calls(scored.said))
    for failed, mended in pairwise(made):
        if not _sets_right(failed, mended, made):
            continue
        good, bad = scored.said[mended.index], scored.said[failed.index]
        if not (
            teachable(good, chosen=True)
            and teachable(bad, chosen=False)
            and whole(scored.said[: failed.index])
        ):
            continue
        if looks_back(good.message) or nearly_identical(good.message, bad.message):
            continue
        prompt = scored.prompt(failed.index)
        known = texts_of([*prompt, bad.message])
        if borrowed(good.message, known, [failed.answer]):
            continue
        before = calls_in(prompt)
        return pair(
            "branch",
            f"recovery: {failed.name} failed ({failed.failure}), its next call set it right",
            panel,
            scored,
            prompt,
            side(scored, mended.index, scored.overall, before),
            side(scored, failed.index, None, before),
        )
    return None


def _sets_right(failed: Call, mended: Call, made: list[Call]) -> bool:
    if not failed.failure or mended.failure or mended.result is None:
        return False
    if mended.name != failed.name or mended.decision != failed.decision + 1:
        return False
    return all(
        sum(1 for call in made if call.decision == decision) == 1
        for decision in (failed.decision, mended.decision)
    )
