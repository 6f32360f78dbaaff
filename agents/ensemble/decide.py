"""A panel's verdict as a function of the judgements at hand, and of nothing else.

Neither the order in which they came nor the time takes part, so a verdict that is made again
after a crash or in a replay is the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from agents.ensemble.median import medians, spread
from agents.ensemble.window import Answer
from schemas.judgement import Judgement
from schemas.settings import Panel
from schemas.verdict import Medians, Opinion, Verdict, VerdictStatus, panel_label, verdict_id

_DIGITS = re.compile(r"(\d+)")


def concerns(panel: Panel, judgement: Judgement) -> bool:
    """Say whether a judgement takes part: of a judge on the panel, or a skip of the pre-filter."""
    return judgement.status == "skipped" or judgement.judge in panel.judges


def ready(panel: Panel, answers: Iterable[Answer]) -> bool:
    """Say whether a panel need not wait any longer: there is a skip, or an answer of each judge."""
    answered = set()
    for _, judge, status in answers:
        if status == "skipped":
            return True
        answered.add(judge)
    return answered.issuperset(panel.judges)


def decide(
    panel: Panel, judgements: Mapping[str, Judgement], closed: bool, edition: str = ""
) -> Verdict | None:
    """Return the panel's verdict on one turn, or None while it has to wait.

    A skip decides at once and alone, whatever else has come. Otherwise the panel waits until each
    of its judges has scored or abstained, or until `closed` says that the window is over. Then
    a quorum of scores makes the medians count, unless they lie too far apart; with fewer scores
    the verdict is `incomplete` and has no medians.

    Args:
        panel: who sits on it, and its rule.
        judgements: by judgement id, all of the same turn. Those of other judges are passed over;
            of several by one judge (another model, another rubric) `preferred` picks one.
        closed: no more waiting.
        edition: the panel's edition, by whose name the verdict goes.

    Returns:
        The verdict with revision 1, or None: the window is open, or nothing at hand concerns
        this panel.
    """
    by_judge: dict[str, list[Judgement]] = {}
    for judgement in judgements.values():
        if concerns(panel, judgement):
            name = "" if judgement.status == "skipped" else judgement.judge
            by_judge.setdefault(name, []).append(judgement)
    if not by_judge:
        return None
    if "" in by_judge:
        return _verdict(panel, edition, "skipped", [preferred(by_judge[""])])
    missing = tuple(sorted(name for name in panel.judges if name not in by_judge))
    if missing and not closed:
        return None
    answers = [preferred(by_judge[name]) for name in sorted(by_judge)]
    scores = [answer.scores for answer in answers if answer.scores is not None]
    if len(scores) < panel.quorum:
        return _verdict(panel, edition, "incomplete", answers, missing)
    apart = spread(scores)
    status: VerdictStatus = "ensemble_disagreement" if apart > panel.max_spread else "scored"
    return _verdict(panel, edition, status, answers, missing, medians(scores), apart)


def preferred(answers: Iterable[Judgement]) -> Judgement:
    """Return the one of a judge's judgements that counts, whichever came first.

    A score beats an abstention; then the highest rubric and the highest model name in natural
    order (`v10` after `v9`, `llama3.3` after `llama3.1`); then the largest id.
    """
    known = tuple(answers)
    if len(known) == 1:
        return known[0]
    return max(
        known,
        key=lambda answer: (
            answer.status == "scored",
            _natural(answer.rubric),
            _natural(answer.model),
            answer.id,
        ),
    )


def _natural(text: str) -> list[tuple[int, int, str]]:
    """Return a sort key that compares runs of digits as numbers."""
    return [
        (1, int(part), part) if part.isdecimal() else (0, 0, part)
        for part in _DIGITS.split(text)
        if part
    ]


def _verdict(
    panel: Panel,
    edition: str,
    status: VerdictStatus,
    answers: Sequence[Judgement],
    missing: tuple[str, ...] = (),
    scores: Medians | None = None,
    apart: float | None = None,
) -> Verdict:
    turn_id = answers[0].turn_id
    return Verdict(
        id=verdict_id(turn_id, panel_label(panel.name, edition)),
        turn_id=turn_id,
        panel=panel.name,
        edition=edition,
        status=status,
        scores=scores,
        spread=apart,
        opinions=tuple(_opinion(answer) for answer in answers),
        missing=missing,
    )


def _opinion(answer: Judgement) -> Opinion:
    return Opinion(
        judge=answer.judge,
        kind=answer.kind,
        model=answer.model,
        rubric=answer.rubric,
        status=answer.status,
        scores=answer.scores,
        rationale=answer.rationale,
        reason=answer.reason,
    )
