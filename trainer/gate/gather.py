"""From the files in the gate's folder to the evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from schemas.identity import digest
from schemas.record import Part
from trainer.gate.calls import fault
from trainer.gate.evidence import (
    AnsweredPrompt,
    AnswerFigures,
    ComparedPrompt,
    Comparison,
    Evidence,
    HeldOutRow,
    Logs,
    MustPassFigures,
    Said,
    Vote,
)
from trainer.gate.job import (
    COMPARED,
    COMPARISONS,
    GATE,
    MEASURED,
    PROMPTS,
    ROWS,
    GateJob,
    Role,
    answers_file,
    logprobs_file,
    must_pass_file,
)
from trainer.gate.lines import read_lines
from trainer.gate.mustpass import failures
from trainer.gate.records import AnswerRecord, PairInfo, PairLogs, PromptRecord


class Unfinished(Exception):
    """The gate has not been measured, or the judges not been asked. One line that says which."""


class Asked(Part):
    """What one judge said of one prompt's answers in one order: a line of comparisons.jsonl.

    `answers` stands for the two texts; `shown_first` is whose answer stood first. Without a
    readable answer `said` is "none" and `reason` says why.
    """

    prompt: str
    answers: str
    judge: str
    model: str
    rubric: str
    shown_first: Literal["candidate", "incumbent"]
    said: Said
    rationale: str = ""
    reason: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    seconds: float = 0.0


class Judges(Part):
    """compared.json: who was asked, or why nobody was, of which measurement."""

    fingerprint: str
    judges: tuple[str, ...] = ()
    why_none: str = ""


class Texts(Part):
    """The prompts in the order of asking, with both models' answers, by the prompt's id."""

    prompts: tuple[PromptRecord, ...]
    candidate: dict[str, AnswerRecord]
    incumbent: dict[str, AnswerRecord]

    def figures(self) -> tuple[AnsweredPrompt, ...]:
        """Return the answers in figures."""
        return tuple(
            AnsweredPrompt(
                id=each.id,
                cluster=each.cluster,
                due=each.due,
                same=self.candidate[each.id].text.strip() == self.incumbent[each.id].text.strip(),
                candidate=_figures(self.candidate[each.id], each.tools),
                incumbent=_figures(self.incumbent[each.id], each.tools),
            )
            for each in self.prompts
        )

    def mark(self, prompt: str) -> str:
        """Return what stands for the two answers to a prompt."""
        return digest("answers", self.candidate[prompt].text, self.incumbent[prompt].text)


def job_of(folder: Path) -> GateJob:
    """Return the job of a folder.

    Raises:
        Unfinished: there is none.
    """
    try:
        return GateJob.model_validate_json((folder / GATE).read_bytes())
    except (OSError, ValidationError) as error:
        raise Unfinished(f"{folder / GATE} is no job of the gate: {error}") from None


def measurement(folder: Path) -> str:
    """Return the fingerprint of what has been measured.

    Raises:
        Unfinished: it has not come to its end.
    """
    from trainer.gate.records import Measured

    try:
        return Measured.model_validate_json((folder / MEASURED).read_bytes()).fingerprint
    except (OSError, ValidationError):
        raise Unfinished(f"the models in {folder} have not been measured yet") from None


def texts(folder: Path) -> Texts:
    """Return what the models were asked and answered; nothing of the base where it is not what
    the candidate is compared to."""
    job = job_of(folder)
    return Texts(
        prompts=tuple(read_lines(folder / PROMPTS, PromptRecord)),
        candidate=_by_id(folder / answers_file("candidate")),
        incumbent=_by_id(folder / answers_file(_other(job))),
    )


def gather(folder: Path) -> Evidence:
    """Return the evidence in a folder.

    Raises:
        Unfinished: it is not complete.
    """
    job = job_of(folder)
    mark = measurement(folder)
    said = texts(folder)
    return Evidence(
        run=job.run,
        beta=job.beta,
        has_incumbent="incumbent" in job.models(),
        rows=tuple(_rows(folder, job)),
        left_out=sum(bool(info.left_out) for info in read_lines(folder / ROWS, PairInfo)),
        answers=said.figures(),
        comparison=comparison(folder, said, mark),
        must_pass=tuple(_must_pass(folder, job)),
    )


def comparison(folder: Path, said: Texts, mark: str) -> Comparison:
    """Return what the judges said.

    Raises:
        Unfinished: they have not been asked, or of another measurement.
    """
    try:
        told = Judges.model_validate_json((folder / COMPARED).read_bytes())
    except (OSError, ValidationError):
        told = None
    if told is None or told.fingerprint != mark:
        raise Unfinished(f"the judges have not compared the answers in {folder} yet")
    asked = read_lines(folder / COMPARISONS, Asked)
    return Comparison(
        judges=told.judges,
        why_none=told.why_none,
        prompts=tuple(compared(said, asked, told.judges)),
    )


def compared(said: Texts, asked: Iterable[Asked], judges: Iterable[str]) -> list[ComparedPrompt]:
    """Return the prompts of which all judges have said all, or need not because both answers are
    the same."""
    found = {(each.prompt, each.judge, each.shown_first, each.answers): each for each in asked}
    whole = []
    for prompt in said.prompts:
        mark = said.mark(prompt.id)
        if said.candidate[prompt.id].text.strip() == said.incumbent[prompt.id].text.strip():
            whole.append(ComparedPrompt(id=prompt.id, votes=()))
            continue
        votes = []
        for judge in judges:
            first = found.get((prompt.id, judge, "candidate", mark))
            second = found.get((prompt.id, judge, "incumbent", mark))
            if first is None or second is None:
                break
            votes.append(Vote(judge=judge, first=first.said, second=second.said))
        else:
            whole.append(ComparedPrompt(id=prompt.id, votes=tuple(votes)))
    return whole


def _rows(folder: Path, job: GateJob) -> Iterable[HeldOutRow]:
    roles: tuple[Role, ...] = tuple(job.models())
    logs = {
        role: {line.id: line for line in read_lines(folder / logprobs_file(role), PairLogs)}
        for role in roles
    }
    for info in read_lines(folder / ROWS, PairInfo):
        if info.left_out:
            continue
        each = {
            role: Logs(chosen=logs[role][info.id].chosen, rejected=logs[role][info.id].rejected)
            for role in roles
        }
        yield HeldOutRow(
            id=info.id,
            cluster=info.cluster,
            split=info.split,
            chosen_tokens=info.chosen_tokens,
            rejected_tokens=info.rejected_tokens,
            base=each["base"],
            candidate=each["candidate"],
            incumbent=each.get("incumbent"),
        )


def _must_pass(folder: Path, job: GateJob) -> Iterable[MustPassFigures]:
    mine = _by_id(folder / must_pass_file("candidate"))
    theirs = _by_id(folder / must_pass_file(_other(job)))
    for case in job.must_pass:
        yield MustPassFigures(
            name=case.name,
            candidate=failures(case, mine[case.name].parsed),
            incumbent=failures(case, theirs[case.name].parsed),
        )


def _figures(answer: AnswerRecord, tools: Iterable[Mapping[str, object]]) -> AnswerFigures:
    known = list(tools)
    faults = [*answer.parsed.broken, *(fault(call, known) for call in answer.parsed.calls)]
    return AnswerFigures(
        length=answer.length,
        tokens=answer.tokens,
        finished=answer.finished,
        calls=len(faults),
        faults=tuple(each for each in faults if each),
    )


def _other(job: GateJob) -> Role:
    return "incumbent" if "incumbent" in job.models() else "base"


def _by_id(path: Path) -> dict[str, AnswerRecord]:
    return {line.id: line for line in read_lines(path, AnswerRecord)}
