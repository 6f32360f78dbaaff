"""What the gate says, and why."""

from __future__ import annotations

from typing import Literal

from schemas.record import Part
from trainer.gate.evidence import Split
from trainer.gate.statistics.clustered import Figure

Name = Literal["base", "incumbent", "judges", "length", "valid_calls", "due_calls", "must_pass"]
Number = Figure | float | int | str | None


class Check(Part):
    """One thing that was looked at.

    `passed` is None where there was nothing to look at, which stops no candidate. `too_little`
    says that it did not pass only because what was seen may still be chance; `needed` is about how
    many rows or prompts would tell. `rule` is what it had to show, `sentence` what came out.
    """

    name: Name
    title: str
    passed: bool | None
    sentence: str
    rule: str
    too_little: bool = False
    needed: int | None = None
    figures: dict[str, Number] = {}


class Decision(Part):
    """Whether a candidate serves. `splits` are those of the snapshot that were gone by; `judged`
    says whether judges compared answers."""

    run: str
    promote: bool
    sentence: str
    confidence: float
    splits: tuple[Split, ...] = ()
    judged: bool = False
    has_incumbent: bool = False
    checks: tuple[Check, ...] = ()
