"""What a panel is at a time: who sits on it, with which model and rubric, under which rule.

A panel keeps its name when its owner swaps a judge, but its verdicts are then others. So each
verdict carries its panel's edition, and a judgement takes part in the editions that it was made
for and in no other. The window is no part of it: it tells when a verdict comes, not what it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from agents.judges.signals import SignalsJudge
from schemas.identity import digest
from schemas.judgement import Judgement, judgement_id
from schemas.settings import Judge, Panel
from schemas.settings import SignalsJudge as SignalsSettings
from schemas.verdict import panel_label

RULE: Final = "median 1"
"""Raised when the same judgements would make another verdict."""

DIGITS: Final = 8


@dataclass(frozen=True, slots=True)
class Pin:
    """One judge as it sits on a panel."""

    judge: str
    model: str
    rubric: str

    def judgement_id(self, turn_id: str) -> str:
        """Return the id of its judgement of a turn."""
        return judgement_id(turn_id, self.judge, self.model, self.rubric)


@dataclass(frozen=True, slots=True)
class Edition:
    """A panel with its judges pinned; `pins` are by judge name."""

    panel: Panel
    pins: Mapping[str, Pin]
    id: str

    @property
    def label(self) -> str:
        """How it is named: ``default@1f0c22ab``."""
        return panel_label(self.panel.name, self.id)

    def admits(self, judgement: Judgement) -> bool:
        """Say whether a judgement takes part: made by a judge as it is pinned, or a skip."""
        if judgement.status == "skipped":
            return True
        pin = self.pins.get(judgement.judge)
        return pin is not None and judgement.model == pin.model and judgement.rubric == pin.rubric


def pin(judge: Judge) -> Pin:
    """Return a configured judge as its judgements name it."""
    if isinstance(judge, SignalsSettings):
        signals = SignalsJudge(judge)
        return Pin(signals.name, signals.model, signals.rubric)
    return Pin(judge.name, judge.model, judge.rubric)


def edition(panel: Panel, judges: Iterable[Judge]) -> Edition:
    """Return what a panel is under these settings.

    Args:
        panel: its judges must be among `judges`.
        judges: all that are configured.
    """
    pins = {judge.name: pin(judge) for judge in judges if judge.name in panel.judges}
    members = [(pinned.judge, pinned.model, pinned.rubric) for _, pinned in sorted(pins.items())]
    said = digest("panel", RULE, members, panel.quorum, panel.max_spread)
    return Edition(panel, pins, said[:DIGITS])
