"""`python -m trainer.gate` where there is nothing to measure: no torch is needed to say so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from trainer.gate.job import GATE, GateJob, Weights, command


def run(folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        command(sys.executable, folder), capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stderr.strip().splitlines()[-1]


def test_a_job_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / GATE).write_text("{}")
    code, said = run(tmp_path)
    assert code == 2
    assert "gate.json is no job: " in said
    assert run(tmp_path / "nowhere")[0] == 2


def test_a_snapshot_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    job = GateJob(
        run="r",
        base=Weights(model="base"),
        candidate=Weights(model="candidate"),
        snapshot=tmp_path / "nowhere",
        folder=tmp_path,
    )
    (tmp_path / GATE).write_text(job.model_dump_json())
    code, said = run(tmp_path)
    assert code == 1
    assert said.startswith("trainer.gate: ")
    assert f"there is no snapshot at {tmp_path / 'nowhere'}" in said
