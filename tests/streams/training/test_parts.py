"""What a training writes of itself is followed, and what is left is reckoned from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.training import TrainingProgress
from streams.training.metrics import Metrics
from streams.training.pace import Pace


def line(step: int) -> str:
    return progress(step).model_dump_json() + "\n"


def progress(step: int, steps: int = 100) -> TrainingProgress:
    return TrainingProgress(step=step, steps=steps, loss=0.5)


def step_of(news: TrainingProgress | None) -> int | None:
    return news.step if news else None


def test_the_last_of_what_is_new_is_told_once(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    metrics = Metrics(file)
    assert metrics.news() is None
    file.write_text(line(1) + line(2))
    assert step_of(metrics.news()) == 2
    assert metrics.news() is None


def test_half_a_line_is_waited_for_and_nonsense_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    metrics = Metrics(file)
    whole = line(1)
    file.write_text(whole[:10])
    assert metrics.news() is None
    file.write_text(whole + "no json\n")
    assert step_of(metrics.news()) == 1


def test_a_file_that_was_begun_anew_is_read_from_its_start(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    metrics = Metrics(file)
    file.write_text("".join(line(step) for step in range(1, 9)))
    assert step_of(metrics.news()) == 8
    file.write_text(line(1) + line(5))
    assert step_of(metrics.news()) == 5


def test_what_is_left_is_reckoned_from_the_steps_that_were_measured() -> None:
    pace = Pace()
    assert pace.seconds_left is None
    pace.take(progress(10), 100.0)
    assert pace.seconds_left is None
    pace.take(progress(20), 130.0)
    assert pace.seconds_per_step == pytest.approx(3)
    assert pace.seconds_left == pytest.approx(240)
    pace.take(progress(100), 400.0)
    assert pace.seconds_left == 0


def test_going_back_to_a_checkpoint_begins_the_measure_anew() -> None:
    pace = Pace()
    pace.take(progress(50), 100.0)
    pace.take(progress(60), 110.0)
    pace.take(progress(40), 500.0)
    assert pace.seconds_left is None
    pace.take(progress(41), 502.0)
    assert pace.seconds_left == pytest.approx(118)
