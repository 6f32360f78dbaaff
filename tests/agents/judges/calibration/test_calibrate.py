from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from agents.judges.calibration.calibrate import calibrate
from agents.judges.calibration.labelled import LabelledSet
from agents.judges.calibration.store import CorruptResult, load_results, save_result

AT_MS = 1_795_373_629_000


def files_below(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


async def test_a_calibration_leaves_a_page_the_figures_and_a_record(
    scripted: Any, labelled: LabelledSet, tmp_path: Path
) -> None:
    judges = [scripted("sane"), scripted("inflating")]
    done = await calibrate(judges, labelled, tmp_path, at_ms=AT_MS, digests={"sane": "sha256:1"})
    assert [result.decision.accepted for result in done.results] == [True, False]
    assert done.results[0].identity.digest == "sha256:1"
    assert load_results(tmp_path / "results") == sorted(
        done.results, key=lambda result: result.identity.judge
    )
    report = orjson.loads(done.report.read_bytes())
    assert report["set"]["fingerprint"] == labelled.fingerprint
    assert [r["decision"]["accepted"] for r in report["results"]] == [True, False]
    images = {name: data for name, data in files_below(tmp_path).items() if name.endswith("png")}
    assert sorted(images) == [
        "agreement.png",
        "distributions-inflating.png",
        "distributions-sane.png",
        "mutations-inflating.png",
        "mutations-sane.png",
    ]
    assert all(data.startswith(b"\x89PNG") for data in images.values())


async def test_done_again_it_asks_nothing_and_writes_the_same(
    scripted: Any, labelled: LabelledSet, tmp_path: Path
) -> None:
    await calibrate([scripted("sane")], labelled, tmp_path, at_ms=AT_MS)
    before = files_below(tmp_path)
    judge = scripted("sane")
    await calibrate([judge], labelled, tmp_path, at_ms=AT_MS)
    assert judge.asked == []
    assert files_below(tmp_path) == before


async def test_a_judge_that_is_down_is_reported_as_refused(
    scripted: Any, labelled: LabelledSet, tmp_path: Path
) -> None:
    judges = [scripted("sane"), scripted("strict", down=10**9)]
    done = await calibrate(judges, labelled, tmp_path, at_ms=AT_MS, patience=0.0)
    down = done.results[1]
    assert down.unfinished == "the machine is switched off"
    assert not down.decision.accepted
    assert "could not be asked everything" in done.page.read_text()


async def test_results_are_kept_by_judge_and_date(
    scripted: Any, labelled: LabelledSet, tmp_path: Path
) -> None:
    done = await calibrate([scripted("sane")], labelled, tmp_path / "run", at_ms=AT_MS)
    folder = tmp_path / "results"
    assert load_results(folder) == []
    newer = done.results[0].model_copy(update={"at_ms": AT_MS + 1})
    for result in (newer, done.results[0]):
        save_result(folder, result)
    assert [result.at_ms for result in load_results(folder)] == [AT_MS, AT_MS + 1]
    (folder / "sane" / "9.json").write_text("{}")
    with pytest.raises(CorruptResult, match=r"9\.json"):
        load_results(folder)
