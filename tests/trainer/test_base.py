from __future__ import annotations

from pathlib import Path

import pytest

from trainer.base import Source, find, refuse_impossible
from trainer.job import Job
from trainer.refusal import Refusal

JOB = Job(run="a", method="dpo", tuning="lora", model="m", snapshot=Path("s"), output=Path("o"))


def test_a_directory_with_a_model_is_local(tmp_path: Path) -> None:
    (tmp_path / "config.json").touch()
    assert find(str(tmp_path)) == Source(str(tmp_path), None, local=True)


def test_a_gguf_file_is_named_beside_its_directory(tmp_path: Path) -> None:
    file = tmp_path / "small.gguf"
    file.touch()
    assert find(str(file)) == find(str(tmp_path)) == Source(str(tmp_path), "small.gguf", local=True)
    assert find(str(file)).options == {"gguf_file": "small.gguf"}


def test_a_name_is_one_of_the_hub() -> None:
    assert find("Qwen/Qwen2.5-72B-Instruct").local is False


@pytest.mark.parametrize("model", ["/nowhere/model", "./model", "~/model", "a/b/c", "m.gguf"])
def test_a_path_where_nothing_is_is_never_looked_up_on_the_hub(model: str) -> None:
    with pytest.raises(Refusal, match="there is no model at"):
        find(model)


def test_a_directory_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="holds no model"):
        find(str(tmp_path))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"tuning": "qlora", "accelerator": "cpu"}, "needs CUDA"),
        ({"method": "kto", "rows_per_device": 1}, "rows_per_device"),
    ],
)
def test_what_can_not_be_is_refused_before_anything_is_loaded(
    change: dict[str, object], what: str
) -> None:
    with pytest.raises(Refusal, match=what):
        refuse_impossible(JOB.model_copy(update=change))


def test_a_job_that_can_be_passes() -> None:
    refuse_impossible(JOB)
