"""From evidence to five scores, by rules that only ever go one way.

Each dimension starts at its base, the score of a turn in which nothing went wrong and the user has
said nothing yet, and loses points by the table below; praise adds some. All sums are in tenths of
a point and whole numbers, so that the result is the same on every machine. `overall` is the
weighted mean of the other four, less what weighs on the turn as a whole, and at most two points
above `task_completion`: a turn is never good whose task was not done.

Monotone by construction: every piece of evidence enters as a count with a weight of one sign, and
clamping, means with positive weights and minima keep the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from agents.judges.signals.evidence import Evidence
from schemas.judgement import Scores

StrictOn = Literal["errors", "reaction", "efficiency"]


@dataclass(frozen=True, slots=True)
class Penalty:
    """What one unit of a piece of evidence takes from each dimension, in tenths of a point.

    `most` units count, then it makes no difference any more. `group` says which kind of strict
    judge takes it more seriously.
    """

    evidence: str
    group: StrictOn
    most: int
    tool: int = 0
    task: int = 0
    instruction: int = 0
    efficiency: int = 0
    overall: int = 0


BASE_TOOL: Final = 88
BASE_TASK: Final = 82
BASE_INSTRUCTION: Final = 82
BASE_EFFICIENCY: Final = 88

PENALTIES: Final = (
    Penalty("unrecovered", "errors", 4, tool=38, task=28, instruction=10, overall=2),
    Penalty("recovered", "errors", 4, tool=8, task=2),
    Penalty("unknown", "errors", 3, tool=32, task=8, instruction=8, overall=6),
    Penalty("unanswered", "errors", 4, tool=15, task=15, overall=4),
    Penalty("stubborn", "errors", 3, tool=12, efficiency=8),
    Penalty("claimed", "errors", 1, task=8, instruction=25, overall=10),
    Penalty("blank", "errors", 1, task=42, instruction=28, overall=18),
    Penalty("error", "errors", 1, tool=5, task=45, instruction=10, overall=22),
    Penalty("aborted", "errors", 1, task=42, overall=18),
    Penalty("length", "errors", 1, task=35, instruction=10, overall=14),
    Penalty("unfinished", "errors", 1, task=35, overall=14),
    Penalty("correction", "reaction", 1, tool=6, task=34, instruction=38, overall=28),
    Penalty("repeated", "reaction", 1, tool=6, task=38, instruction=30, overall=28),
    Penalty("wasted", "efficiency", 6, efficiency=10, overall=2),
    Penalty("rounds_over", "efficiency", 10, efficiency=2),
    Penalty("calls_over", "efficiency", 15, efficiency=1),
    Penalty("wordy", "efficiency", 5, efficiency=4),
    Penalty("costly", "efficiency", 5, efficiency=3),
    Penalty("slow", "efficiency", 5, efficiency=3),
)

PRAISE: Final = Penalty(
    "thanks", "reaction", 1, tool=-4, task=-12, instruction=-12, efficiency=-2, overall=-4
)
"""What the user's thanks or praise adds: a penalty below nought."""

STRICTER: Final = 150
"""How much a strict judge makes of the evidence of its group, in percent."""

WEIGHTS: Final[dict[StrictOn, tuple[int, int, int, int]]] = {
    "errors": (40, 35, 10, 15),
    "reaction": (15, 40, 35, 10),
    "efficiency": (20, 35, 15, 30),
}
"""Percent of tool, task, instruction and efficiency in `overall`."""

TASK_LEAD: Final = 20
FREE_ROUNDS: Final = 5
FREE_CALLS: Final = 8
WORDY_TOKENS: Final = 4_000
COSTLY_TOKENS: Final = 250_000
SLOW_SECONDS: Final = 120
"""Beyond these, each doubling of tokens or time and each round or call counts as one unit."""


def score(evidence: Evidence, strict_on: StrictOn) -> Scores:
    """Return the five scores of a turn with this evidence."""
    tool, task, instruction = BASE_TOOL, BASE_TASK, BASE_INSTRUCTION
    efficiency, overall = BASE_EFFICIENCY, 0
    units = _units(evidence)
    for penalty in (*PENALTIES, PRAISE):
        count = units[penalty.evidence]
        if not count:
            continue
        count = min(count, penalty.most) * (STRICTER if penalty.group == strict_on else 100)
        tool -= count * penalty.tool // 100
        task -= count * penalty.task // 100
        instruction -= count * penalty.instruction // 100
        efficiency -= count * penalty.efficiency // 100
        overall -= count * penalty.overall // 100
    parts = tuple(min(100, max(10, part)) for part in (tool, task, instruction, efficiency))
    overall += sum(w * part for w, part in zip(WEIGHTS[strict_on], parts, strict=True)) // 100
    overall = min(overall, parts[1] + TASK_LEAD)
    return Scores(
        tool_correctness=_points(parts[0]),
        task_completion=_points(parts[1]),
        instruction_adherence=_points(parts[2]),
        efficiency=_points(parts[3]),
        overall=_points(overall),
    )


def _units(evidence: Evidence) -> dict[str, int]:
    heard = evidence.heard
    return {
        "unrecovered": evidence.unrecovered,
        "recovered": evidence.failed - evidence.unrecovered,
        "unknown": evidence.unknown,
        "unanswered": evidence.unanswered,
        "stubborn": evidence.stubborn,
        "claimed": int(evidence.claimed),
        "blank": int(evidence.blank),
        "error": int(evidence.ending == "error"),
        "aborted": int(evidence.ending == "aborted"),
        "length": int(evidence.ending == "length"),
        "unfinished": int(evidence.ending == "unfinished"),
        "correction": int(heard is not None and heard.correction),
        "repeated": int(heard is not None and heard.repeated),
        "thanks": int(heard is not None and heard.thanks),
        "wasted": evidence.wasted,
        "rounds_over": max(0, evidence.rounds - FREE_ROUNDS),
        "calls_over": max(0, evidence.calls - FREE_CALLS),
        "wordy": (evidence.tokens_out // WORDY_TOKENS).bit_length(),
        "costly": (evidence.tokens_in // COSTLY_TOKENS).bit_length(),
        "slow": (int(evidence.seconds) // SLOW_SECONDS).bit_length(),
    }


def _points(tenths: int) -> int:
    """Round half up to whole points from 1 to 10."""
    return min(10, max(1, (tenths + 5) // 10))
