"""The gate's process: what is not yet measured of a job is measured, model after model."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, TypeVar

from trainer import tokens
from trainer.base import find, longest
from trainer.gate.job import (
    MEASURED,
    PROMPTS,
    ROWS,
    GateJob,
    Role,
    answers_file,
    logprobs_file,
    must_pass_file,
)
from trainer.gate.lines import LineFile, put, read_lines
from trainer.gate.measure.folder import begin
from trainer.gate.measure.generate import Asked, answers, ask
from trainer.gate.measure.load import Loaded, adapted, by_base, loaded
from trainer.gate.measure.logprobs import Encoded, encode, logprobs
from trainer.gate.measure.snapshot import HeldOut, choose_prompts, held_out
from trainer.gate.records import AnswerRecord, Measured, PairInfo, PairLogs, PromptRecord

LIBRARIES: Final = ("torch", "transformers", "peft", "bitsandbytes")

Line = TypeVar("Line", PairLogs, AnswerRecord)


def measure(job: GateJob) -> None:
    """Measure what is missing of a job, and write `measured.json` at the end.

    Raises:
        OSError: the snapshot can't be read, or the folder can't be written.
        Refusal: a model can't be used.
    """
    started = time.monotonic()
    mark = begin(job)
    done = job.folder / MEASURED
    if done.exists():
        return
    rows = held_out(job.snapshot)
    for name, models in by_base(job.models()).items():
        missing = [each for each in models if not _complete(job, each[0], rows)]
        if not missing:
            continue
        with loaded(name, job) as base:
            _choose(job, rows, base.tokenizer)
            for role, adapter in missing:
                with adapted(base, adapter) as model:
                    _look(job, role, rows, model)
    seconds = round(time.monotonic() - started, 1)
    measured = Measured(fingerprint=mark, seconds=seconds, versions=_versions())
    put(done, measured.model_dump_json().encode())


def _choose(job: GateJob, rows: Sequence[HeldOut], tokenizer: Any) -> None:
    """Write down which pairs are looked at and which prompts are answered, once a job; the base
    comes first and its tokenizer counts, by the rules by which training leaves rows out."""
    if (job.folder / PROMPTS).exists():
        return
    limit = min(job.max_length, longest(find(job.base.model)) or job.max_length)
    infos, short = [], []
    for row in rows:
        info = PairInfo(id=row.id, cluster=row.cluster, split=row.split)
        found = tokens.measure(row.model_dump(), tokenizer, tokens.SIDES["dpo"])
        why = found["problem"] or ("longer than the limit" if found["longest"] > limit else "")
        if why:
            infos.append(info.model_copy(update={"left_out": why}))
            continue
        encoded = encode(row, tokenizer)
        lengths = {
            "chosen_tokens": len(encoded.chosen),
            "rejected_tokens": len(encoded.rejected),
        }
        infos.append(info.model_copy(update=lengths))
        if len(encoded.prompt) + job.answer_tokens <= limit:
            short.append(row)
    put(job.folder / ROWS, _lines(infos))
    put(job.folder / PROMPTS, _lines(choose_prompts(short, job.prompts, job.seed)))


def _look(job: GateJob, role: Role, rows: Sequence[HeldOut], model: Loaded) -> None:
    tokenizer, at_once = model.tokenizer, job.rows_at_once
    kept = {info.id for info in read_lines(job.folder / ROWS, PairInfo) if not info.left_out}
    path = job.folder / logprobs_file(role)
    known = {line.id for line in read_lines(path, PairLogs)}
    pairs: list[Encoded] = [
        encode(row, tokenizer) for row in rows if row.id in kept and row.id not in known
    ]
    _write(path, PairLogs, logprobs(pairs, model, at_once), "logprobs", role, known, len(kept))
    if not _answers(job, role):
        return
    prompts = read_lines(job.folder / PROMPTS, PromptRecord)
    path = job.folder / answers_file(role)
    known = {line.id for line in read_lines(path, AnswerRecord)}
    asked: list[Asked] = [
        ask(each.id, each.prompt, each.tools, tokenizer) for each in prompts if each.id not in known
    ]
    said = answers(asked, model, job.answer_tokens, at_once)
    _write(path, AnswerRecord, said, "answers", role, known, len(prompts))
    path = job.folder / must_pass_file(role)
    known = {line.id for line in read_lines(path, AnswerRecord)}
    asked = [
        ask(case.name, [m.model_dump() for m in case.prompt], case.tools, tokenizer)
        for case in job.must_pass
        if case.name not in known
    ]
    said = answers(asked, model, job.answer_tokens, at_once)
    _write(path, AnswerRecord, said, "must_pass", role, known, len(job.must_pass))


def _write(
    path: Path,
    kind: type[Line],
    batches: Iterable[list[Line]],
    step: str,
    role: Role,
    known: set[str],
    total: int,
) -> None:
    with LineFile(path, kind) as file:
        done = len(known)
        for batch in batches:
            file.add(*batch)
            done += len(batch)
            said = {"step": step, "model": role, "done": done, "total": total}
            print(json.dumps(said), flush=True)


def _complete(job: GateJob, role: Role, rows: Sequence[HeldOut]) -> bool:
    """Say whether nothing is missing of a model."""
    if not (job.folder / PROMPTS).exists():
        return False
    infos = read_lines(job.folder / ROWS, PairInfo)
    if len(infos) < len(rows):
        return False
    pairs = {info.id for info in infos if not info.left_out}
    wanted: list[tuple[str, type[PairLogs] | type[AnswerRecord], set[str]]] = [
        (logprobs_file(role), PairLogs, pairs)
    ]
    if _answers(job, role):
        prompts = {each.id for each in read_lines(job.folder / PROMPTS, PromptRecord)}
        cases = {case.name for case in job.must_pass}
        wanted += [
            (answers_file(role), AnswerRecord, prompts),
            (must_pass_file(role), AnswerRecord, cases),
        ]
    return all(
        (job.folder / name).exists()
        and ids <= {line.id for line in read_lines(job.folder / name, kind)}
        for name, kind, ids in wanted
    )


def _answers(job: GateJob, role: Role) -> bool:
    """Say whether a model answers prompts: the candidate and what it is compared to do."""
    return role != "base" or "incumbent" not in job.models()


def _lines(records: Sequence[PairInfo] | Sequence[PromptRecord]) -> bytes:
    return b"".join(record.model_dump_json().encode() + b"\n" for record in records)


def _versions() -> dict[str, str]:
    def found() -> Iterator[tuple[str, str]]:
        for name in LIBRARIES:
            try:
                yield name, version(name)
            except PackageNotFoundError:
                continue

    return {"python": sys.version.split()[0], **dict(found())}
