"""Measures no model: writes down what would be measured of a good one. A file `wait` in the gate's
folder has it write its process id there and wait."""

from __future__ import annotations

import os
import time

from tests.support.gatefolder import make_folder
from trainer.gate.job import GATE, GateJob


def measure(job: GateJob) -> None:
    if (job.folder / "wait").exists():
        (job.folder / "pid").write_text(str(os.getpid()))
        time.sleep(600)
    told = (job.folder / GATE).read_bytes()
    make_folder(job.folder, incumbent="incumbent" in job.models())
    (job.folder / GATE).write_bytes(told)
