"""A few of the kills that ``python -m tests.faults.trainkills`` does by the fifty."""

from __future__ import annotations

from pathlib import Path

from tests.faults.trainkills import run


def test_no_run_is_lost_or_doubled_and_judges_go_on(tmp_path: Path) -> None:
    report = run(tmp_path, runs=4, seed=1)
    assert report.fine, report
