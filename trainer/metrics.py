"""The lines of metrics.jsonl: read, gone on with after a stop, and added up."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from schemas.training import TrainingProgress
from trainer.job import METRICS


def read(output: Path) -> list[TrainingProgress]:
    """Return the lines there are; one that a kill has cut off is none."""
    path = output / METRICS
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            found.append(TrainingProgress.model_validate_json(line))
        except ValidationError:
            break
    return found


def go_on(output: Path, step: int) -> None:
    """Take back the lines behind `step`, which will be trained again."""
    kept = [line for line in read(output) if line.step <= step]
    work = output / f".{METRICS}"
    work.write_text("".join(f"{line.model_dump_json()}\n" for line in kept), encoding="utf-8")
    os.replace(work, output / METRICS)


def add(output: Path, line: TrainingProgress) -> None:
    """Add a line."""
    with (output / METRICS).open("a", encoding="utf-8") as file:
        file.write(f"{line.model_dump_json()}\n")


def mean_loss(lines: list[TrainingProgress]) -> float:
    """Return the mean loss of all steps, each line standing for those since the line before."""
    total = before = 0.0
    for line in lines:
        total += line.loss * (line.step - before)
        before = line.step
    return total / before if before else math.nan


def progress(
    logs: Mapping[str, Any], step: int, steps: int, tokens_per_s: float | None
) -> TrainingProgress:
    """Return a line of what TRL logs at a step."""
    return TrainingProgress(
        step=step,
        steps=steps,
        loss=logs["loss"],
        accuracy=logs.get("rewards/accuracies"),
        margin=logs.get("rewards/margins"),
        learning_rate=logs.get("learning_rate"),
        tokens_per_s=tokens_per_s,
    )
