"""A real run under ZeRO-3 on two hosts, which have no folder in common."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.tinymodel import make_job, make_model, make_snapshot, zero3
from tests.trainer.launch.conftest import ROOT, Field
from trainer.job import Done, Job
from trainer.launch.launch import PACKAGES, Launch

pytestmark = pytest.mark.train


def test_two_hosts_train_one_model_under_zero_3(field: Field, tmp_path: Path) -> None:
    field.environment["PYTHONPATH"] = str(ROOT)
    field.patience = 300.0
    field.host("spark1")
    model = make_model(tmp_path / "model")
    snapshot = make_snapshot(tmp_path / "data", train=32, held_out=2, tools=False)
    make_job(model, snapshot, field.folder, deepspeed=zero3(), max_steps=2)
    job = Job.model_validate_json((field.folder / "job.json").read_bytes())
    launch = Launch(
        run="run1",
        folder=field.folder,
        nodes=(field.here(), field.there("spark1", python=sys.executable)),
        job=job,
        packages=(*PACKAGES, "deepspeed"),
        offline=True,
    )
    ending = field.run(launch)
    assert ending.reason == ""
    done = Done.model_validate_json((field.folder / "done.json").read_bytes())
    assert done.steps == 2
    assert (field.folder / "model" / "model.safetensors").exists()
    logs = {path.name: path.read_text() for path in (field.folder / "logs").glob("*.log")}
    assert {"here.0.log", "spark1.1.log"} <= logs.keys()
