"""The owner's must-pass prompts."""

from __future__ import annotations

from trainer.gate.checks.words import listed
from trainer.gate.decision import Check
from trainer.gate.evidence import Evidence


def kept(evidence: Evidence) -> Check:
    """Check that the candidate passes every prompt that the model now served passes."""
    cases = evidence.must_pass
    check = Check(
        name="must_pass",
        title="Must-pass prompts",
        passed=None,
        sentence="there are none (train.gate.must_pass)",
        rule="none fails that passed before",
    )
    if not cases:
        return check
    lost = [case.name for case in cases if case.candidate and not case.incumbent]
    mine = sum(not case.candidate for case in cases)
    theirs = sum(not case.incumbent for case in cases)
    said = f"{mine} of {len(cases)} pass, before {theirs}"
    return check.model_copy(
        update={
            "passed": not lost,
            "sentence": f"{said}; lost: {listed(lost)}" if lost else said,
            "figures": {"prompts": len(cases), "passed": mine, "passed before": theirs},
        }
    )
