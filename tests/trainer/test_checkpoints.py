from __future__ import annotations

from pathlib import Path

import pytest

from trainer import checkpoints
from trainer.checkpoints import Whole
from trainer.job import Job

JOB = Job(
    run="a", method="dpo", tuning="lora", model="m", snapshot=Path("/s/ab"), output=Path("/o")
)
OURS = checkpoints.digest(JOB, 2)


def write(folder: Path, step: int, *, belongs: str | None = OURS) -> Path:
    path = checkpoints.path_of(folder, step)
    path.mkdir(parents=True)
    (path / "optimizer.pt").write_bytes(b"x")
    if belongs is not None:
        checkpoints.mark(folder, step, Whole(digest=belongs, seconds=float(step)))
    return path


def steps(folder: Path) -> list[int]:
    return sorted(int(path.name.split("-")[1]) for path in folder.iterdir())


def test_only_marked_checkpoints_of_the_same_job_are_whole(tmp_path: Path) -> None:
    write(tmp_path, 2)
    write(tmp_path, 4, belongs=None)
    write(tmp_path, 6, belongs="another job")
    (write(tmp_path, 8) / checkpoints.WHOLE).write_text('{"dig')
    assert checkpoints.whole(tmp_path, OURS) == {2: Whole(digest=OURS, seconds=2.0)}


def test_the_newest_that_every_host_has_is_resumed() -> None:
    assert checkpoints.newest([{2, 4, 6}, {2, 4}]) == 4
    assert checkpoints.newest([{2}, set()]) is None


def test_a_sweep_leaves_only_what_can_be_resumed(tmp_path: Path) -> None:
    for step in (2, 4, 6):
        write(tmp_path, step)
    write(tmp_path, 8, belongs=None)
    (tmp_path / "checkpoint-notes").mkdir()
    checkpoints.sweep(tmp_path, {2, 4})
    (tmp_path / "checkpoint-notes").rmdir()
    assert steps(tmp_path) == [2, 4]


def test_old_checkpoints_go_and_unmarked_ones_do_not_count(tmp_path: Path) -> None:
    for step in (2, 4, 10):
        write(tmp_path, step)
    write(tmp_path, 12, belongs=None)
    checkpoints.rotate(tmp_path, keep=2)
    assert steps(tmp_path) == [4, 10, 12]


@pytest.mark.parametrize(
    "change",
    [{"output": Path("/elsewhere")}, {"snapshot": Path("/t/ab")}, {"keep_checkpoints": 7}],
)
def test_what_does_not_change_the_training_does_not_change_the_digest(
    change: dict[str, object],
) -> None:
    assert checkpoints.digest(JOB.model_copy(update=change), 2) == OURS


@pytest.mark.parametrize(
    "change", [{"snapshot": Path("/s/cd")}, {"learning_rate": 1e-3}, {"model": "n"}, {"seed": 1}]
)
def test_another_training_has_another_digest(change: dict[str, object]) -> None:
    assert checkpoints.digest(JOB.model_copy(update=change), 2) != OURS


def test_another_number_of_ranks_is_another_training() -> None:
    assert checkpoints.digest(JOB, 4) != OURS
