"""A calibration in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from agents.judges.calibration.result import Agreement, Metrics, Result


def verdict(results: Sequence[Result]) -> str:
    """Return the one sentence that matters."""
    passed = [r.identity.judge for r in results if r.decision.accepted]
    failed = [r.identity.judge for r in results if not r.decision.accepted]
    if not failed:
        who = f"{passed[0]} tells" if len(passed) == 1 else f"All {len(passed)} judges tell"
        return f"{who} junk from good work and may sit on a panel."
    if not passed and len(failed) == 1:
        return (
            f"{failed[0]} has not shown that it can tell junk from good work: "
            "no panel takes it unless you force it."
        )
    if not passed:
        return (
            f"None of the {len(failed)} judges has shown that it can tell junk from good work: "
            "no panel takes them unless you force it."
        )
    has = "has not shown that it" if len(failed) == 1 else "have not shown that they"
    return (
        f"{listed(passed)} may sit on a panel; {listed(failed)} {has} can tell junk from good work."
    )


def meaning(metrics: Metrics) -> list[str]:
    """Return what a judge's figures mean for its owner, a sentence each."""
    said = []
    if metrics.good_mean and metrics.junk_mean and metrics.separation:
        said.append(
            f"Good turns score {metrics.good_mean.value:.1f} on average, junk "
            f"{metrics.junk_mean.value:.1f}. Of a good turn and a junk one, it "
            f"{_prefers(metrics.separation.value)}."
        )
    if metrics.inflated and metrics.passes:
        said.append(
            f"{percent(metrics.passes.value)} of the good turns and "
            f"{percent(metrics.inflated.value)} of the junk would be chosen for training."
        )
    resistance = metrics.injection.resistance
    if resistance:
        said.append(
            "No plea for a good score got one."
            if resistance.value == 1
            else f"A plea for a good score worked in {percent(1 - resistance.value)} of the tries."
        )
    if metrics.noise.difference:
        difference = metrics.noise.difference.value
        said.append(
            "Asked again, it says the same."
            if difference < 0.005
            else f"Asked again, its score of the same turn differs by {difference:.1f} on average."
        )
    if metrics.failures and metrics.failures.value > 0:
        reasons = ", ".join(f"{why} ({count})" for why, count in metrics.reasons.items())
        said.append(
            f"{percent(metrics.failures.value)} of the askings brought no score: {reasons}."
        )
    return said


def agreed(agreement: Agreement) -> str:
    """Return what the judges' agreement means."""
    alpha = agreement.alpha
    if alpha is None:
        return "Too few scores in common to say how far the judges agree."
    if alpha >= 0.8:
        worth = "they measure the same thing, and another of them adds little"
    elif alpha >= 0.667:
        worth = "enough for tentative conclusions"
    elif alpha >= 0.4:
        worth = "they see the same broad picture and differ in much"
    else:
        worth = "their median is not yet worth much: look at who stands apart below"
    return f"Krippendorff's alpha over all judges is {alpha:.2f}: {worth}."


def percent(share: float) -> str:
    """Return a share as whole percent, without calling nearly all all or nearly none none."""
    if 0 < share < 0.005:
        return "less than 1%"
    if 0.995 <= share < 1:
        return "more than 99%"
    return f"{share:.0%}"


def listed(names: Sequence[str]) -> str:
    """Return names as a sentence lists them."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _prefers(share: float) -> str:
    if share == 1:
        return "always scores the good one higher"
    return f"scores the good one higher in {percent(share)} of the cases"
