"""Writing an evaluation down as one page."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from jinja2 import Environment, StrictUndefined

from trainer.gate.checks.comparison import course, outcome_of
from trainer.gate.checks.preference import margins, rows_used
from trainer.gate.decision import Check, Decision, Number
from trainer.gate.evidence import ComparedPrompt, Evidence
from trainer.gate.gather import Asked, Texts, job_of, texts
from trainer.gate.job import COMPARISONS, GateJob, Role, must_pass_file
from trainer.gate.lines import read_lines
from trainer.gate.records import AnswerRecord, PromptRecord
from trainer.gate.report import plots
from trainer.gate.statistics.betting import bounds
from trainer.gate.statistics.clustered import Figure

SHOWN: Final = 40
"""Prompts whose answers stand side by side; the files hold all of them."""

FAULTS_SHOWN: Final = 50
TEXT_CHARS: Final = 4_000
MUST_PASS_CHARS: Final = 400

_OUTCOMES: Final = {"lost": "now served is better", "won": "candidate is better", "tie": "tie"}


@dataclass(frozen=True, slots=True)
class Side:
    """An answer, ready to be shown."""

    words: str
    calls: tuple[str, ...]
    problems: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Passed:
    """What an answer to a must-pass prompt lacks, and how it begins."""

    lacks: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers side by side, and what each judge said in each order."""

    request: str
    earlier: int
    outcome: str
    label: str
    candidate: Side
    incumbent: Side
    votes: tuple[tuple[str, str, str], ...]


def render(folder: Path, evidence: Evidence, decision: Decision) -> str:
    """Return the page. Everything that is not ours is escaped.

    Args:
        folder: the gate's, for the texts.
        evidence: what is known.
        decision: what was made of it.
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(
        (files("trainer.gate.report") / "page.html.j2").read_text("utf-8")
    )
    job, said = job_of(folder), texts(folder)
    images = _images(evidence, decision)
    pairs = _pairs(said, evidence, read_lines(folder / COMPARISONS, Asked))
    faults = Counter(fault for prompt in evidence.answers for fault in prompt.candidate.faults)
    return template.render(
        decision=decision,
        verdict=verdict(decision),
        served="model now served" if evidence.has_incumbent else "base",
        job=job,
        models=_models(job),
        evidence=evidence,
        plots={
            name: _data_uri(images[name]) if name in images else ""
            for name in ("margins", "course", "lengths")
        },
        pairs=pairs[:SHOWN],
        hidden=max(0, len(pairs) - SHOWN),
        faults=faults.most_common(FAULTS_SHOWN),
        more_faults=max(0, len(faults) - FAULTS_SHOWN),
        must_pass=_must_pass(folder, job, evidence),
        number=number,
        state=state,
    )


def verdict(decision: Decision) -> str:
    """Return the one sentence that matters."""
    if decision.promote:
        return "The candidate is better and may serve."
    failed = [check for check in decision.checks if check.passed is False]
    if all(check.too_little for check in failed):
        return "Refused: there is too little evidence to tell whether the candidate is better."
    return "Refused: the candidate has not shown that it is better."


def state(check: Check) -> tuple[str, str]:
    """Return a check's badge: its class and its word."""
    if check.passed is None:
        return "none", "not looked at"
    if check.passed:
        return "passed", "passed"
    return "failed", "too little evidence" if check.too_little else "failed"


def number(name: str, value: Number) -> tuple[str, str]:
    """Return a figure as the page shows it, and its interval."""
    shares = ("rate", "accuracy", "valid", "asked for", "bound", "place", "readable", "change of")
    share = any(word in name for word in shares) and "margin" not in name
    form = "{:.1%}" if share and not name.startswith("p of") else "{:,.3g}"
    if isinstance(value, Figure):
        interval = f"{form.format(value.low)} to {form.format(value.high)}"
        return form.format(value.value), interval
    if isinstance(value, bool | str) or value is None:
        return "–" if value is None else str(value), ""
    return (f"{value:,}" if isinstance(value, int) else form.format(value)), ""


def _models(job: GateJob) -> list[tuple[str, str]]:
    named = {"base": "base", "candidate": "candidate", "incumbent": "now served"}
    return [
        (named[role], f"{weights.adapter} on {weights.model}" if weights.adapter else weights.model)
        for role, weights in job.models().items()
    ]


def _images(evidence: Evidence, decision: Decision) -> dict[str, bytes]:
    images = {}
    rows, _ = rows_used(evidence.rows)
    if rows:
        own = margins(rows, evidence.beta, "incumbent") if evidence.has_incumbent else None
        images["margins"] = plots.margins(margins(rows, evidence.beta, "candidate"), own)
    went = course(evidence.answers, evidence.comparison.prompts, decision.confidence)
    if went.rounds and evidence.comparison.judges:
        images["course"] = plots.course(
            bounds(went.rounds, decision.confidence), decision.confidence
        )
    if evidence.answers:
        images["lengths"] = plots.lengths(evidence.answers, _most(decision))
    return images


def _most(decision: Decision) -> float:
    check = next(check for check in decision.checks if check.name == "length")
    most = check.figures.get("allowed", 1.0)
    return float(most) if isinstance(most, float | int) else 1.0


def _pairs(said: Texts, evidence: Evidence, asked: Sequence[Asked]) -> list[Pair]:
    """Return the answers side by side: what the candidate lost first, then what it won."""
    compared = {each.id: each for each in evidence.comparison.prompts}
    figures = {each.id: each for each in evidence.answers}
    shown = [
        _pair(prompt, said, compared.get(prompt.id), asked, figures[prompt.id].candidate.faults)
        for prompt in said.prompts
    ]
    order = ("lost", "won", "tie", "same", "unasked")
    return sorted(shown, key=lambda pair: order.index(pair.outcome))


def _pair(
    prompt: PromptRecord,
    said: Texts,
    compared: ComparedPrompt | None,
    asked: Sequence[Asked],
    faults: tuple[str, ...],
) -> Pair:
    mine, theirs = said.candidate[prompt.id], said.incumbent[prompt.id]
    wanted = [m.get("content", "") for m in prompt.prompt if m.get("role") == "user"]
    outcome, label = _outcome(compared, same=mine.text.strip() == theirs.text.strip())
    mark = said.mark(prompt.id)
    return Pair(
        request=str(wanted[-1] if wanted else "")[:TEXT_CHARS],
        earlier=len(prompt.prompt) - 1,
        outcome=outcome,
        label=label,
        candidate=_side(mine, faults),
        incumbent=_side(theirs, ()),
        votes=tuple(
            (each.judge, _preferred(each), each.rationale)
            for each in asked
            if each.prompt == prompt.id and each.answers == mark
        ),
    )


def _outcome(compared: ComparedPrompt | None, *, same: bool) -> tuple[str, str]:
    if same:
        return "same", "the same answer"
    if compared is None or not compared.votes:
        return "unasked", "not compared"
    mean = outcome_of(compared)
    name = "won" if mean > 0.5 else "lost" if mean < 0.5 else "tie"
    return name, _OUTCOMES[name]


def _preferred(asked: Asked) -> str:
    order = f"{'candidate' if asked.shown_first == 'candidate' else 'now served'} shown first"
    if asked.said == "none":
        return f"no answer ({asked.reason}; {order})"
    if asked.said == "tie":
        return f"tie ({order})"
    mine = (asked.said == "first") == (asked.shown_first == "candidate")
    return f"{'candidate' if mine else 'now served'} ({order})"


def _side(answer: AnswerRecord, faults: tuple[str, ...]) -> Side:
    calls = tuple(
        f"{call.name}({json.dumps(call.arguments, ensure_ascii=False)})"[:TEXT_CHARS]
        for call in answer.parsed.calls
    )
    return Side(
        words=(answer.text if answer.parsed.broken else answer.parsed.content)[:TEXT_CHARS],
        calls=calls,
        problems=faults,
        note="" if answer.finished else f"no end within {answer.tokens:,} tokens",
    )


def _must_pass(folder: Path, job: GateJob, evidence: Evidence) -> list[tuple[str, list[Passed]]]:
    """Return each must-pass prompt with what the two models lack and wrote."""
    other: Role = "incumbent" if "incumbent" in job.models() else "base"
    wrote = [
        {line.id: line.text for line in read_lines(folder / must_pass_file(role), AnswerRecord)}
        for role in ("candidate", other)
    ]
    return [
        (
            case.name,
            [
                Passed(lacks, text.get(case.name, "")[:MUST_PASS_CHARS])
                for lacks, text in zip((case.candidate, case.incumbent), wrote, strict=True)
            ],
        )
        for case in evidence.must_pass
    ]


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
