"""Measures no model: writes down what would be measured of a good one."""

from __future__ import annotations

from tests.support.gatefolder import make_folder
from trainer.gate.job import GateJob


def measure(job: GateJob) -> None:
    make_folder(job.folder)
