"""How fast judges have been, and what that makes of the work ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from agents.ensemble import Pin
from agents.judges.calibration.answers import AnswerFile

RECENT: Final = 500
"""Judgements that a rate is taken from: what a machine did last is what it will do next."""


@dataclass(frozen=True, slots=True)
class Rate:
    """The mean over `measured` judgements. None where the judgements do not tell."""

    measured: int
    seconds: float | None
    tokens_in: float | None
    tokens_out: float | None


@dataclass(slots=True)
class Meter:
    """Takes in a judge's judgements in their order and knows the rate of the last ones."""

    _seen: deque[tuple[float | None, int | None, int | None]] = field(
        default_factory=lambda: deque(maxlen=RECENT)
    )

    def take(self, judgement: Mapping[str, Any]) -> None:
        """Take in a judgement as JSON."""
        self._seen.append(
            (judgement.get("latency_ms"), judgement.get("tokens_in"), judgement.get("tokens_out"))
        )

    def rate(self) -> Rate | None:
        """Return the rate, or None if nothing was taken in."""
        if not self._seen:
            return None
        seconds = _mean(each[0] for each in self._seen)
        return Rate(
            measured=len(self._seen),
            seconds=None if seconds is None else seconds / 1000,
            tokens_in=_mean(each[1] for each in self._seen),
            tokens_out=_mean(each[2] for each in self._seen),
        )


@dataclass(frozen=True, slots=True)
class Estimate:
    """What so many calls will take. None where no rate is known."""

    seconds: float | None
    tokens_in: int | None
    tokens_out: int | None


def estimate(calls: int, concurrency: int, rate: Rate | None) -> Estimate:
    """Return what `calls` of a judge take that answers `concurrency` of them at a time."""
    if calls == 0:
        return Estimate(0.0, 0, 0)
    if rate is None:
        return Estimate(None, None, None)
    return Estimate(
        seconds=None if rate.seconds is None else calls * rate.seconds / concurrency,
        tokens_in=None if rate.tokens_in is None else round(calls * rate.tokens_in),
        tokens_out=None if rate.tokens_out is None else round(calls * rate.tokens_out),
    )


def calibrated(home: Path, pin: Pin) -> Rate | None:
    """Return the rate that a judge showed in its calibrations, or None if it had none.

    Args:
        home: where calibrations are kept.
        pin: the judge.
    """
    file = home / "calibration" / "answers.jsonl"
    if not file.exists():
        return None
    meter = Meter()
    for answer in AnswerFile(file).read():
        who = answer.identity
        if (who.judge, who.model, who.rubric) == (pin.judge, pin.model, pin.rubric):
            meter.take(
                {
                    "latency_ms": 1000 * answer.seconds,
                    "tokens_in": answer.tokens_in,
                    "tokens_out": answer.tokens_out,
                }
            )
    return meter.rate()


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
