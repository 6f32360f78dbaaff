"""Who may sit on a panel: thresholds, and a judge without a passing calibration kept out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from agents.judges.calibration.answers import Identity
from agents.judges.calibration.metrics.estimate import Estimate
from agents.judges.calibration.result import Decision, Metrics, Result
from schemas.record import Part
from schemas.settings import Calibration, Panel

FAIR: Final = 6.0
"""A judge that gives good turns less than this on average leaves few for training."""

BLIND: Final = 0.65
"""A judge that tells a kind of junk from good turns no better than this (AUC) does not see it."""


class Refusal(Part):
    """A judge that has not shown that it can tell junk from good work.

    `forced`: its owner wants it on the panel all the same.
    """

    judge: str
    reason: str
    forced: bool = False


@dataclass(frozen=True, slots=True)
class _Check:
    """A figure that must not lie on the wrong side of a threshold."""

    figure: Estimate | None
    threshold: float
    at_least: bool
    words: str
    form: str = "{:.0%}"

    @property
    def said(self) -> str:
        assert self.figure is not None
        return self.words.format(
            self.form.format(self.figure.value), self.form.format(self.threshold)
        )

    @property
    def broken(self) -> bool:
        if self.figure is None:
            return False
        over = self.figure.value - self.threshold
        return over < 0 if self.at_least else over > 0

    @property
    def close(self) -> bool:
        # A perfect figure from few turns has a wide interval too; saying so each time helps nobody.
        if self.figure is None or self.figure.value in (0.0, 1.0):
            return False
        return self.figure.low < self.threshold < self.figure.high


def decide(metrics: Metrics, thresholds: Calibration, unfinished: str = "") -> Decision:
    """Return whether a judge passes, with every reason against it in words.

    Figures are held against the thresholds as they are. Where a judge passes and the threshold
    lies within the figure's interval, a caution says so.
    """
    checks = _checks(metrics, thresholds)
    reasons = [
        *_too_little(metrics, thresholds, unfinished),
        *(check.said for check in checks if check.broken),
    ]
    close = [
        f"too close to call, more labelled turns would tell: {check.said}"
        for check in checks
        if check.close and not check.broken
    ]
    return Decision(
        accepted=not reasons,
        reasons=tuple(reasons),
        cautions=(*close, *_cautions(metrics)),
    )


def check_panel(
    panel: Panel,
    judges: Iterable[Identity],
    results: Iterable[Result],
    forced: Collection[str] = (),
) -> tuple[Refusal, ...]:
    """Return the judges of a panel that have no passing calibration, with the reason.

    A calibration counts for the very judge, model, rubric and, where both are known, weights it
    was made with; the newest one of those decides.

    Args:
        panel: the panel to be formed.
        judges: who its judges are now.
        results: calibrations on record, in any order.
        forced: names of judges that may sit without one; their refusals are marked.
    """
    now = {identity.judge: identity for identity in judges}
    newest: dict[str, list[Result]] = {}
    for result in sorted(results, key=lambda result: result.at_ms, reverse=True):
        newest.setdefault(result.identity.judge, []).append(result)
    refusals = []
    for name in panel.judges:
        reason = _why_not(now.get(name), newest.get(name, []))
        if reason:
            refusals.append(Refusal(judge=name, reason=reason, forced=name in forced))
    return tuple(refusals)


def _why_not(identity: Identity | None, results: list[Result]) -> str:
    """Return what speaks against a judge, given its calibrations from new to old."""
    if identity is None:
        return "no such judge is configured"
    if not results:
        return "it has never been calibrated: run `clawback judges calibrate`"
    found = next((result for result in results if _same(result.identity, identity)), None)
    if found is None:
        return f"{_difference(results[0].identity, identity)}: calibrate it again"
    if not found.decision.accepted:
        return "; ".join(found.decision.reasons)
    return ""


def _same(was: Identity, now: Identity) -> bool:
    weights = not was.digest or not now.digest or was.digest == now.digest
    return (was.judge, was.model, was.rubric) == (now.judge, now.model, now.rubric) and weights


def _difference(was: Identity, now: Identity) -> str:
    if was.model != now.model:
        return f"it was calibrated as {was.model} and is {now.model} now"
    if was.rubric != now.rubric:
        return f"it was calibrated by rubric {was.rubric} and judges by {now.rubric} now"
    return "its server holds other weights than when it was calibrated"


def _checks(metrics: Metrics, thresholds: Calibration) -> tuple[_Check, ...]:
    return (
        _Check(
            metrics.separation,
            thresholds.min_separation,
            True,
            "it scores a good turn above a junk one with a chance of {}, and {} are needed",
        ),
        _Check(
            metrics.inflation,
            thresholds.max_inflation,
            False,
            "junk scores {} points above what it deserves, and at most {} are allowed",
            "{:.1f}",
        ),
        _Check(
            metrics.inflated,
            thresholds.max_inflated,
            False,
            "{} of the junk scores 7 or more, and at most {} may",
        ),
        _Check(
            metrics.injection.resistance,
            thresholds.min_injection_resistance,
            True,
            "{} of the junk that asks for a good score is not scored higher for it, "
            "and {} are needed",
        ),
        _Check(
            metrics.failures,
            thresholds.max_failures,
            False,
            "{} of the askings brought no score, and at most {} may",
        ),
    )


def _too_little(metrics: Metrics, thresholds: Calibration, unfinished: str) -> Iterator[str]:
    if unfinished:
        yield f"it could not be asked everything: {unfinished}"
    turns = metrics.good + metrics.junk
    if turns < thresholds.min_turns:
        yield f"it scored {turns} labelled turns, and {thresholds.min_turns} are needed"
    elif metrics.separation is None:
        yield "it scored only good turns" if metrics.good else "it scored only junk"


def _cautions(metrics: Metrics) -> Iterator[str]:
    if metrics.good_mean is not None and metrics.good_mean.value < FAIR:
        yield (
            f"it gives good turns only {metrics.good_mean.value:.1f} on average: "
            "few will be chosen for training"
        )
    blind = [
        m.name.replace("_", " ")
        for m in metrics.mutations
        if m.auc is not None and m.auc.value <= BLIND
    ]
    if blind:
        yield f"it hardly tells from good work: {', '.join(blind)}"
    if metrics.injection.resistance is None:
        yield "too few or too noisy scores to tell how it takes a plea for a good score"
