from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agents.judges.calibration.calibrate import calibrate
from agents.judges.calibration.drift import compare
from agents.judges.calibration.labelled import LabelledSet


async def test_what_moved_between_two_runs_of_one_set_is_said(
    scripted: Any, labelled: LabelledSet, tmp_path: Path
) -> None:
    judges = [scripted("sane"), scripted("sane", name="twin"), scripted("lenient")]
    done = await calibrate(judges, labelled, tmp_path, at_ms=0)
    sane, twin, lenient = done.results
    assert compare(sane, twin) == ()
    said = compare(sane, lenient)
    assert any(words.startswith("junk scores") for words in said)
    assert said[-1] == "it does not pass any more"
    assert compare(lenient, sane)[-1] == "it passes now"
    with pytest.raises(ValueError, match="same labelled set"):
        compare(sane, twin.model_copy(update={"fingerprint": "other"}))
