"""The decision, a pure function of the evidence and the owner's rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from schemas.settings import Gate
from trainer.gate.checks import calls, comparison, lengths, preference, regressions
from trainer.gate.decision import Check, Decision, Name
from trainer.gate.evidence import Evidence

_TOLD: Final[tuple[Name, ...]] = ("base", "incumbent", "judges")
"""The checks a promotion is told by, the last first."""


def decide(evidence: Evidence, rules: Gate) -> Decision:
    """Return whether the candidate serves.

    It must pass every check that there is something to look at for. Each check of "better" keeps
    its own error below 1 - confidence, and all must hold at once, so that the error of the whole
    is below that, too, without any correction (intersection-union test, Berger 1982).
    """
    rows, splits = preference.rows_used(evidence.rows)
    judged = bool(evidence.comparison.judges and evidence.answers)
    checks = [preference.against_base(evidence, rules, rows)]
    if evidence.has_incumbent:
        checks.append(preference.against_incumbent(evidence, rules, rows, judged=judged))
    checks += [
        comparison.preferred(evidence, rules),
        lengths.bounded(evidence, rules),
        calls.valid(evidence, rules),
        calls.still_made(evidence, rules),
        regressions.kept(evidence),
    ]
    failed = [check for check in checks if check.passed is False]
    return Decision(
        run=evidence.run,
        promote=not failed,
        sentence=_sentence(checks, failed, judged=judged),
        confidence=rules.confidence,
        splits=splits,
        judged=judged,
        has_incumbent=evidence.has_incumbent,
        checks=tuple(checks),
    )


def _sentence(checks: Sequence[Check], failed: Sequence[Check], *, judged: bool) -> str:
    alone = "" if judged else "; no language-model judge compared answers"
    if not failed:
        shown = [check.sentence for check in checks if check.passed and check.name in _TOLD]
        return f"better: {'; '.join(reversed(shown))}{alone}"
    # What was found out says more than what could not be.
    first = min(failed, key=lambda check: check.too_little)
    more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    if all(check.too_little for check in failed):
        return f"{first.sentence}{more}{alone}"
    return f"{first.title[0].lower()}{first.title[1:]}: {first.sentence}{more}{alone}"
