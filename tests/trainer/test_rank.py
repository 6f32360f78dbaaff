"""What a rank says where it can't even begin. torch is not needed for that."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trainer.job import Job
from trainer.rank import main


def job(folder: Path, **changes: Any) -> Path:
    fields = {"run": "a", "method": "dpo", "tuning": "lora", "model": "/nowhere", "snapshot": "s"}
    path = folder / "job.json"
    path.write_text(Job(**(fields | {"output": folder / "run"} | changes)).model_dump_json())
    return path


def test_a_model_that_is_not_there_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(job(tmp_path))]) == 1
    reason = "there is no model at /nowhere; see train.model"
    assert json.loads((tmp_path / "run/error.json").read_text()) == {
        "reason": reason,
        "retry": False,
    }
    assert capsys.readouterr().err == f"{reason}\n"


@pytest.mark.parametrize("text", ["", "{}", '{"run": 1}'])
def test_a_job_that_can_not_be_read_is_one_line(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "job.json"
    path.write_text(text)
    assert main([str(path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"{path} is no job: ")
    assert error.count("\n") == 1


def test_a_job_that_is_not_there_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "none.json")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_nothing_of_training_is_loaded_where_it_is_not_needed() -> None:
    heavy = "('torch', 'transformers', 'trl', 'datasets', 'peft', 'deepspeed')"
    code = f"import sys, trainer.rank; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
