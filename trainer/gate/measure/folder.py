"""The gate's folder: what is in it belongs to one job and one candidate."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from schemas.identity import digest
from trainer.gate.job import (
    COMPARED,
    COMPARISONS,
    DECISION,
    EVIDENCE,
    MEASURED,
    PROMPTS,
    REPORT,
    ROWS,
    GateJob,
    Weights,
)
from trainer.gate.lines import put

STARTED: Final = "started.json"
_WEIGHTS: Final = ("*.safetensors", "*.bin", "*.gguf", "*.json")


def fingerprint(job: GateJob) -> str:
    """Return what stands for a job and the very weights it names: a candidate that was trained
    once more is another one."""
    return digest(
        "gate",
        job.model_dump(mode="json", exclude={"folder", "rows_at_once"}),
        [_files(weights) for weights in job.models().values()],
    )


def begin(job: GateJob) -> str:
    """Make the folder ready and return the job's fingerprint.

    What another job has left there is removed; what this one has, is kept.

    Raises:
        OSError: it can't be written.
    """
    mark = fingerprint(job)
    started = job.folder / STARTED
    if started.exists() and started.read_text(encoding="utf-8") == mark:
        return mark
    kinds = ("logprobs.*.jsonl", "answers.*.jsonl", "must_pass.*.jsonl")
    found = [path for kind in kinds for path in job.folder.glob(kind)]
    names = (MEASURED, COMPARED, COMPARISONS, DECISION, EVIDENCE, PROMPTS, REPORT, ROWS)
    for path in (*found, *(job.folder / name for name in names)):
        path.unlink(missing_ok=True)
    put(started, mark.encode())
    return mark


def _files(weights: Weights) -> list[tuple[str, int, int]]:
    found = []
    for place in (weights.model, weights.adapter):
        path = Path(place)
        if place and path.is_dir():
            files = sorted(file for kind in _WEIGHTS for file in path.glob(kind))
            found += [(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in files]
    return found
