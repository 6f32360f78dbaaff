"""Held-out pairs: does the candidate prefer the right side, and more so than the others do?

A model's reward of a side is DPO's: beta times the logarithm of how much likelier than the base it
makes it (Rafailov et al. 2023, eq. 5). The margin of a pair is the difference of its two rewards,
and it is preferred the right way where that is above 0. The base has margins of 0 throughout, so
that it is right half of the time by definition.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from schemas.settings import Gate
from trainer.gate.checks.words import points, reward, share
from trainer.gate.decision import Check, Name
from trainer.gate.evidence import Evidence, HeldOutRow, Logs, Split
from trainer.gate.statistics.clustered import Clusters, needed_for_share

ENOUGH: Final = 200
"""With so many pairs in the split `eval`, `test` stays out of the decision."""

PLANNED: Final = 0.65
"""The accuracy that is assumed of a candidate when there is nothing yet to go by."""

FAR: Final = 10
REACHABLE: Final = 1_000
"""Where more than so many times the pairs, and more than so many, would be needed, it is not for a
lack of them."""

TIE: Final = 1e-4
"""Margins smaller than so many nats are rounding."""


def rows_used(rows: Sequence[HeldOutRow]) -> tuple[tuple[HeldOutRow, ...], tuple[Split, ...]]:
    """Return the rows that decide and their splits: `eval`, and `test` where that is too small."""
    chosen = tuple(row for row in rows if row.split == "eval")
    if len(chosen) < ENOUGH:
        chosen = tuple(rows)
    present: list[Split] = [s for s in ("eval", "test") if any(row.split == s for row in chosen)]
    return chosen, tuple(present)


def margins(rows: Sequence[HeldOutRow], beta: float, who: Name | str) -> list[float]:
    """Return the reward margin of each row under a model: "base", "candidate" or "incumbent"."""
    return [beta * _nats(row, _logs(row, who)) for row in rows]


def against_base(evidence: Evidence, rules: Gate, rows: Sequence[HeldOutRow]) -> Check:
    """Check the candidate's preferences beside the base's, which has none."""
    rule = (
        f"right in at least {rules.min_accuracy:.0%} of the pairs, and in more than half of them "
        f"with {rules.confidence:.0%} confidence; the margin above 0 at equal lengths, too"
    )
    check = Check(
        name="base",
        title="Preferences, against the base",
        passed=False,
        sentence="",
        rule=rule,
    )
    groups = Clusters([row.cluster for row in rows])
    short = _too_few(check, rows, groups, rules)
    if short is not None:
        return short
    won = margins(rows, evidence.beta, "candidate")
    right = [_right(margin, evidence.beta) for margin in won]
    lengths = _lengths(rows)
    accuracy, level = groups.share(right), groups.mean(won, lengths)
    p_accuracy = groups.better([each - 0.5 for each in right])
    p_margin = groups.better(won, lengths)
    figures = {
        "accuracy": accuracy,
        "margin": groups.mean(won),
        "margin at equal lengths": level,
        "p of the accuracy": p_accuracy,
        "p of the margin at equal lengths": p_margin,
    }
    check = check.model_copy(update={"figures": figures})
    said = (
        f"it prefers the right side in {share(accuracy)} of {_counted(rows, groups)}; margin at "
        f"equal lengths {reward(level)}"
    )
    if accuracy.value <= 0.5 or level.value <= 0:
        return _with(check, f"no better than the base: {said}")
    if accuracy.value < rules.min_accuracy:
        return _with(check, f"below {rules.min_accuracy:.0%}: {said}")
    return _sure(check, said, max(p_accuracy, p_margin), groups, rules)


def against_incumbent(
    evidence: Evidence, rules: Gate, rows: Sequence[HeldOutRow], *, judged: bool
) -> Check:
    """Check the candidate's preferences beside those of the model now served, pair by pair."""
    accuracy_rule = (
        "the accuracy not lower"
        if judged
        else "and so the accuracy, because no judges compare the answers"
    )
    check = Check(
        name="incumbent",
        title="Preferences, against the model now served",
        passed=False,
        sentence="",
        rule=f"a larger margin at equal lengths with {rules.confidence:.0%} confidence; "
        + accuracy_rule,
    )
    groups = Clusters([row.cluster for row in rows])
    short = _too_few(check, rows, groups, rules)
    if short is not None:
        return short
    mine, theirs = (margins(rows, evidence.beta, who) for who in ("candidate", "incumbent"))
    right, was = ([_right(m, evidence.beta) for m in each] for each in (mine, theirs))
    gained = [a - b for a, b in zip(mine, theirs, strict=True)]
    mended = [a - b for a, b in zip(right, was, strict=True)]
    lengths = _lengths(rows)
    level, change = groups.mean(gained, lengths), groups.mean(mended)
    p_margin, p_accuracy = groups.better(gained, lengths), groups.better(mended)
    figures = {
        "accuracy": groups.share(right),
        "accuracy of what serves": groups.share(was),
        "change of the accuracy": change,
        "change of the margin": groups.mean(gained),
        "change of the margin at equal lengths": level,
        "p of the accuracy": p_accuracy,
        "p of the margin at equal lengths": p_margin,
    }
    check = check.model_copy(update={"figures": figures})
    said = (
        f"accuracy {share(groups.share(right))} after {groups.share(was).value:.0%} "
        f"({points(change)}), margin at equal lengths {reward(level)} more, over "
        f"{_counted(rows, groups)}"
    )
    if level.value <= 0 or change.value < 0 or (change.value <= 0 and not judged):
        return _with(check, f"no better than what serves: {said}")
    return _sure(check, said, p_margin if judged else max(p_margin, p_accuracy), groups, rules)


def _too_few(
    check: Check, rows: Sequence[HeldOutRow], groups: Clusters, rules: Gate
) -> Check | None:
    """Return the check where so few sessions can't show anything, whatever they hold."""
    needed = needed_for_share(max(PLANNED, rules.min_accuracy), rules.confidence)
    if rows and groups.least_p() <= 1 - rules.confidence:
        return None
    return check.model_copy(
        update={
            "too_little": True,
            "needed": needed,
            "sentence": f"too little evidence: {_counted(rows, groups)}, needs about {needed}",
        }
    )


def _sure(check: Check, said: str, p: float, groups: Clusters, rules: Gate) -> Check:
    if p <= 1 - rules.confidence:
        return _with(check, said, passed=True)
    needed = groups.needed(p, rules.confidence)
    if needed > max(FAR * groups.n, REACHABLE):
        return _with(check, f"not seen to be better: {said} (p {p:.2g})")
    text = f"too little evidence: {groups.n} pairs, needs about {needed}: {said} (p {p:.2g})"
    return check.model_copy(update={"too_little": True, "needed": needed, "sentence": text})


def _with(check: Check, sentence: str, *, passed: bool = False) -> Check:
    return check.model_copy(update={"sentence": sentence, "passed": passed})


def _counted(rows: Sequence[HeldOutRow], groups: Clusters) -> str:
    if not rows:
        return "no held-out pairs"
    sessions = f"{groups.count} session{'s' if groups.count > 1 else ''}"
    return f"{len(rows)} held-out pair{'s' if len(rows) > 1 else ''} from {sessions}"


def _lengths(rows: Sequence[HeldOutRow]) -> list[float]:
    return [float(row.chosen_tokens - row.rejected_tokens) for row in rows]


def _logs(row: HeldOutRow, who: str) -> Logs:
    if who == "candidate":
        return row.candidate
    return (row.incumbent or row.base) if who == "incumbent" else row.base


def _nats(row: HeldOutRow, logs: Logs) -> float:
    return (logs.chosen - row.base.chosen) - (logs.rejected - row.base.rejected)


def _right(margin: float, beta: float) -> float:
    return 0.5 if abs(margin) < TIE * beta else float(margin > 0)
