"""A few of the kills that ``python -m tests.faults.judgekills`` does by the hundred."""

from __future__ import annotations

from pathlib import Path

from tests.faults.judgekills import run


async def test_no_judgement_is_lost_or_paid_for_twice(tmp_path: Path) -> None:
    report = await run(tmp_path, kills=4, seed=1)
    assert (report.lost, report.doubled) == (0, 0), report
    # The rest of a request's way back, on a machine that has other things to do.
    assert len(report.again) <= report.kills, report
