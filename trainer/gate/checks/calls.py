"""Tool calls in the answers: whether they are valid, and whether they are still made."""

from __future__ import annotations

from collections.abc import Iterable
from math import comb

from schemas.settings import Gate
from trainer.gate.checks.words import share
from trainer.gate.decision import Check
from trainer.gate.evidence import AnswerFigures, Evidence
from trainer.gate.statistics.clustered import Clusters, Figure


def valid(evidence: Evidence, rules: Gate) -> Check:
    """Check that the candidate's calls parse, name a known tool and fit its schema."""
    mine = _validity((prompt.cluster, prompt.candidate) for prompt in evidence.answers)
    theirs = _validity((prompt.cluster, prompt.incumbent) for prompt in evidence.answers)
    asked = min(rules.min_valid_calls, theirs.value) if theirs else rules.min_valid_calls
    check = Check(
        name="valid_calls",
        title="Tool calls that are valid",
        passed=None,
        sentence="the candidate made no tool calls",
        rule=f"{rules.min_valid_calls:.0%} of them, or as many as before where that is less",
    )
    if mine is None:
        return check
    before = f"{theirs.value:.1%} of {theirs.n}" if theirs else "no calls"
    return check.model_copy(
        update={
            "passed": mine.value >= asked,
            "sentence": f"{share(mine)} of {mine.n} are valid, before {before}; "
            f"{asked:.1%} are asked for",
            "figures": {"valid": mine, "valid before": theirs, "asked for": asked},
        }
    )


def still_made(evidence: Evidence, rules: Gate) -> Check:
    """Check that the candidate still calls a tool where the answer that was chosen does.

    The sign test over prompts where only one of the two models does (McNemar 1947, exact).
    """
    due = [prompt for prompt in evidence.answers if prompt.due]
    check = Check(
        name="due_calls",
        title="Tools called where one is due",
        passed=None,
        sentence="no held-out prompt asks for a tool",
        rule="not less often than before, as far as that can be told with "
        f"{rules.confidence:.0%} confidence",
    )
    if not due:
        return check
    mine = sum(prompt.candidate.calls > 0 for prompt in due)
    theirs = sum(prompt.incumbent.calls > 0 for prompt in due)
    lost = sum(prompt.incumbent.calls > 0 and not prompt.candidate.calls for prompt in due)
    won = sum(prompt.candidate.calls > 0 and not prompt.incumbent.calls for prompt in due)
    p = sum(comb(lost + won, k) for k in range(lost, lost + won + 1)) / 2 ** (lost + won)
    return check.model_copy(
        update={
            "passed": p > 1 - rules.confidence,
            "sentence": f"on {mine} of {len(due)} prompts, before on {theirs}",
            "figures": {"prompts": len(due), "called": mine, "called before": theirs, "p": p},
        }
    )


def _validity(answers: Iterable[tuple[str, AnswerFigures]]) -> Figure | None:
    right: list[float] = []
    clusters: list[str] = []
    for cluster, answer in answers:
        good = answer.calls - len(answer.faults)
        right += [1.0] * good + [0.0] * len(answer.faults)
        clusters += [cluster] * answer.calls
    return Clusters(clusters).share(right) if right else None
