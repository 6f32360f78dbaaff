from __future__ import annotations

import math
from pathlib import Path

from schemas.training import TrainingProgress
from trainer import metrics
from trainer.job import METRICS


def line(step: int, loss: float = 0.5) -> TrainingProgress:
    return TrainingProgress(step=step, steps=10, loss=loss)


def test_a_run_goes_on_without_doubled_steps(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        metrics.add(tmp_path, line(step))
    with (tmp_path / METRICS).open("a") as file:
        file.write('{"step": 4, "ste')
    metrics.go_on(tmp_path, 2)
    metrics.add(tmp_path, line(3, 0.4))
    assert metrics.read(tmp_path) == [line(1), line(2), line(3, 0.4)]


def test_a_run_that_starts_has_no_lines(tmp_path: Path) -> None:
    metrics.add(tmp_path, line(1))
    metrics.go_on(tmp_path, 0)
    assert metrics.read(tmp_path) == []


def test_a_line_counts_for_the_steps_since_the_one_before() -> None:
    assert metrics.mean_loss([line(1, 1.0), line(4, 2.0)]) == (1.0 + 3 * 2.0) / 4


def test_no_lines_have_no_mean() -> None:
    assert math.isnan(metrics.mean_loss([]))


def test_what_a_method_does_not_have_is_none() -> None:
    assert metrics.progress({"loss": 0.5, "rewards/margins": 1.5}, 1, 10, None) == line(
        1
    ).model_copy(update={"margin": 1.5})
