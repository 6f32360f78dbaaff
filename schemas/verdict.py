"""The `verdicts` topic: what a panel says of a turn."""

from __future__ import annotations

from typing import Literal

from schemas.identity import digest
from schemas.judgement import Scores
from schemas.record import Part, Record

VerdictStatus = Literal["scored", "ensemble_disagreement", "incomplete", "skipped"]
"""`scored`: the medians count. `ensemble_disagreement`: the judges' `overall` lie too far apart.
`incomplete`: too few judges scored before the window closed. `skipped`: the pre-filter dropped
it."""


class Opinion(Part):
    """One judge's part in a verdict."""

    judge: str
    kind: Literal["llm", "signals", "prefilter"]
    model: str
    rubric: str
    status: Literal["scored", "abstained", "skipped"]
    scores: Scores | None = None
    rationale: str = ""
    reason: str = ""


class Medians(Part):
    """The median of each dimension over the judges that scored (the mean of the middle two where
    their number is even)."""

    tool_correctness: float
    task_completion: float
    instruction_adherence: float
    efficiency: float
    overall: float


class Verdict(Record):
    """A panel's joint word on a turn.

    `edition` tells apart what a panel of this name was at different times: it is computed from
    the judges, their models and rubrics and the rule. Verdicts of two editions are two verdicts.
    `spread` is the largest `overall` less the smallest. `opinions` are sorted by judge name.
    `missing` names the judges that had not answered when the window closed. A judgement that
    comes after that makes the same verdict again with `revision` one higher.
    """

    id: str
    turn_id: str
    panel: str
    edition: str = ""
    revision: int = 1
    status: VerdictStatus
    scores: Medians | None = None
    spread: float | None = None
    opinions: tuple[Opinion, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The panel with its edition: what may be compared with what."""
        return panel_label(self.panel, self.edition)

    @property
    def llm_judges(self) -> int:
        """How many language models scored the turn."""
        return sum(1 for o in self.opinions if o.kind == "llm" and o.status == "scored")


def panel_label(panel: str, edition: str) -> str:
    """Return how an edition of a panel is named: ``default@1f0c22ab``."""
    return f"{panel}@{edition}" if edition else panel


def verdict_id(turn_id: str, panel: str) -> str:
    """Return a verdict's id, the same over all its revisions.

    Args:
        turn_id: the turn.
        panel: the panel's label, edition and all.
    """
    return digest("verdict", turn_id, panel)
