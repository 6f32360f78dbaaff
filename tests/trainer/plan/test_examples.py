"""The examples in infra/deepspeed are what the planner makes."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "infra/deepspeed"


@pytest.mark.parametrize("name", ["hostfile", "zero3.json", "zero3-nvme.json"])
def test_an_example_is_what_the_planner_makes(name: str) -> None:
    made = runpy.run_path(str(FOLDER / "make.py"))["examples"]()
    assert (FOLDER / name).read_text() == made[name]
