"""How long the candidate's answers are."""

from __future__ import annotations

from typing import Final

from schemas.settings import Gate
from trainer.gate.decision import Check
from trainer.gate.evidence import Evidence

LEAST: Final = 40
"""Where what serves answers with fewer characters on average, so many stand for them: a sentence
after nothing is no fault."""


def bounded(evidence: Evidence, rules: Gate) -> Check:
    """Check that the candidate's answers are not much longer than those of what serves."""
    check = Check(
        name="length",
        title="Length of the answers",
        passed=None,
        sentence="there are no answers to measure",
        rule=f"at most {rules.max_length_ratio:g} times as long on average",
    )
    if not evidence.answers:
        return check
    mine = sum(prompt.candidate.length for prompt in evidence.answers)
    theirs = sum(prompt.incumbent.length for prompt in evidence.answers)
    endless = sum(not prompt.candidate.finished for prompt in evidence.answers)
    was_endless = sum(not prompt.incumbent.finished for prompt in evidence.answers)
    count = len(evidence.answers)
    ratio = mine / max(LEAST * count, theirs)
    said = (
        f"{ratio:.2f} times as long as before: {mine / count:,.0f} characters after "
        f"{theirs / count:,.0f}; {endless} of {count} have no end, before "
        f"{was_endless}"
    )
    return check.model_copy(
        update={
            "passed": ratio <= rules.max_length_ratio,
            "sentence": said,
            "figures": {
                "ratio": ratio,
                "allowed": rules.max_length_ratio,
                "characters": mine / count,
                "characters before": theirs / count,
                "without an end": endless,
                "without an end before": was_endless,
            },
        }
    )
