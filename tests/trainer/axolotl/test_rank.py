"""A rank that axolotl drives: its place, what it refuses, and what it leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trainer.axolotl import rank
from trainer.job import Job
from trainer.refusal import Refusal


def job(output: Path, **changes: Any) -> Job:
    given = {
        "run": "r1",
        "method": "dpo",
        "tuning": "lora",
        "model": str(output / "base"),
        "snapshot": output,
        "output": output,
    }
    return Job.model_validate(given | changes)


def files(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def test_torchrun_tells_the_place() -> None:
    told = {
        "RANK": "3",
        "LOCAL_RANK": "1",
        "LOCAL_WORLD_SIZE": "2",
        "GROUP_RANK": "1",
        "GROUP_WORLD_SIZE": "2",
        "MASTER_ADDR": "spark1",
        "MASTER_PORT": "29501",
    }
    place = rank.Place.of(told)
    assert (place.rank, place.local_rank, place.devices) == (3, 1, 2)
    assert (place.node, place.nodes, place.address, place.port) == (1, 2, "spark1", 29501)
    assert rank.Place.of({}) == rank.Place()


def test_without_axolotl_the_reason_is_left_for_the_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rank, "find_spec", lambda _: None)
    assert rank.attempt(job(tmp_path, accelerator="cpu"), rank.Place()) == 1
    told = json.loads((tmp_path / "error.json").read_text())
    assert "has no axolotl; install" in told["reason"]
    assert told["retry"] is False


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    files(tmp_path, "done.json")
    assert rank.attempt(job(tmp_path), rank.Place()) == 0


def test_a_job_that_cannot_be_read_is_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text("{}")
    assert rank.main([str(tmp_path / "job.json")]) == 2


def test_an_adapter_gets_its_place_without_checkpoints_and_base(tmp_path: Path) -> None:
    made = tmp_path / "checkpoints"
    files(made, "adapter_model.safetensors", "adapter_config.json", "model.safetensors")
    files(made, "debug.log", "checkpoint-2/adapter_model.safetensors")
    rank.finish(job(tmp_path))
    left = sorted(path.name for path in (tmp_path / "model").iterdir())
    assert left == ["adapter_config.json", "adapter_model.safetensors"]
    assert not made.exists()


def test_whole_weights_get_their_place(tmp_path: Path) -> None:
    files(tmp_path / "checkpoints", "model-00001-of-00002.safetensors", "config.json")
    rank.finish(job(tmp_path, tuning="full"))
    assert (tmp_path / "model/model-00001-of-00002.safetensors").exists()


def test_no_weights_are_no_success(tmp_path: Path) -> None:
    files(tmp_path / "checkpoints", "config.json")
    with pytest.raises(Refusal, match="axolotl has left no adapter_model"):
        rank.finish(job(tmp_path))
    assert not (tmp_path / "model").exists()
