"""The same frozen set asked again: after new weights, another server, another prompt."""

from __future__ import annotations

from agents.judges.calibration.metrics.estimate import Estimate
from agents.judges.calibration.result import Result


def compare(before: Result, now: Result) -> tuple[str, ...]:
    """Return in words what has moved between two calibrations over one set; nothing if nothing has.

    A figure has moved where its two 95 % intervals do not meet, which is stricter than a test of
    their difference: an alarm here is worth reading.

    Raises:
        ValueError: the two were not put the same questions.
    """
    if before.fingerprint != now.fingerprint:
        raise ValueError("only calibrations over the same labelled set can be compared")
    a, b = before.metrics, now.metrics
    figures = (
        ("good turns score", a.good_mean, b.good_mean),
        ("junk scores", a.junk_mean, b.junk_mean),
        ("it tells good from junk with an AUC of", a.separation, b.separation),
        ("askings without a score:", a.failures, b.failures),
    )
    said = [
        f"{words} {y.value:.2f}, was {x.value:.2f}"
        for words, x, y in figures
        if x is not None and y is not None and _apart(x, y)
    ]
    if before.decision.accepted != now.decision.accepted:
        said.append("it passes now" if now.decision.accepted else "it does not pass any more")
    return tuple(said)


def _apart(a: Estimate, b: Estimate) -> bool:
    return a.high < b.low or b.high < a.low
