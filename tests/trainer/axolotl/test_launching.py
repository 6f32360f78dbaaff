"""The launcher starts axolotl's rank where the settings say so."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from schemas.settings import Settings
from trainer.job import Job
from trainer.launch.launch import launch_of


@pytest.mark.parametrize(
    ("backend", "module"), [("trl", "trainer.rank"), ("axolotl", "trainer.axolotl.rank")]
)
def test_each_backend_has_its_own_rank(
    tmp_path: Path, backend: Literal["trl", "axolotl"], module: str
) -> None:
    settings = Settings(train={"backend": backend})
    job = Job(run="r", method="dpo", tuning="lora", model="m", snapshot=tmp_path, output=tmp_path)
    launch = launch_of(settings, "r", tmp_path, job)
    assert launch.module == module
    assert ("axolotl" in launch.packages) is (backend == "axolotl")
