"""Who counts: language models once they have passed, signals judges always."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agents.judges.calibration.answers import Identity
from agents.judges.calibration.labelled import LabelledSet
from agents.judges.calibration.measure import measure
from agents.judges.calibration.result import Decision, Result
from agents.judges.calibration.store import save_result
from schemas.settings import Calibration, ModelJudge, Panel, Paths, Settings, SignalsJudge
from streams.lineup import ensemble_names, stage_names
from streams.trust import STAND_INS, Unreadable, notices, standing, trusted, with_stand_ins


def model(name: str) -> ModelJudge:
    return ModelJudge(kind="ollama", name=name, url="http://127.0.0.1:9", model=f"{name}:70b")


def settings(home: Path, *names: str, **fields: Any) -> Settings:
    judges = tuple(model(name) for name in names)
    return Settings(**{"paths": Paths(home=home), "judges": judges, **fields})


def calibrated(home: Path, name: str, *reasons: str) -> None:
    identity = Identity(judge=name, model=f"{name}:70b", rubric="v1")
    result = Result(
        identity=identity,
        fingerprint="f",
        askings=1,
        at_ms=1,
        metrics=measure(LabelledSet((), 0, "f"), []),
        decision=Decision(accepted=not reasons, reasons=reasons),
    )
    save_result(home / "calibration" / "results", result)


def test_signals_judges_always_count(tmp_path: Path) -> None:
    plain = Settings(paths=Paths(home=tmp_path))
    assert trusted(plain) is plain
    assert notices(plain) == []


def test_a_new_line_has_verdicts_by_signals_while_its_models_judge(tmp_path: Path) -> None:
    fresh = settings(tmp_path, "a", "b", "c")
    seated = trusted(fresh)
    (panel,) = seated.all_panels
    assert (panel.judges, panel.quorum) == (STAND_INS, 2)
    assert {f"judge.{name}" for name in ("a", "b", "c", *STAND_INS)} < set(stage_names(seated))
    assert len([line for line in notices(fresh) if "does not count" in line]) == 3
    assert "signals judges make its verdicts meanwhile" in notices(fresh)[-1]


def test_those_that_have_passed_make_a_panel_of_their_own(tmp_path: Path) -> None:
    fresh = settings(tmp_path, "a", "b", "c")
    before = ensemble_names(trusted(fresh))
    calibrated(tmp_path, "a")
    calibrated(tmp_path, "b")
    calibrated(tmp_path, "c", "40% of the junk scores 7 or more")
    seated = trusted(fresh)
    assert seated.all_panels[0].judges == ("a", "b")
    assert ensemble_names(seated) != before
    assert [judge.name for judge in seated.judges] == ["a", "b", "c"]
    (line,) = notices(fresh)
    assert line == "panel default does not count c: 40% of the junk scores 7 or more"
    calibrated(tmp_path / "other", "c")


def test_all_passed_is_as_written(tmp_path: Path) -> None:
    fresh = settings(tmp_path, "a", "b")
    calibrated(tmp_path, "a")
    calibrated(tmp_path, "b")
    assert trusted(fresh) is fresh


def test_a_forced_judge_counts_and_is_named(tmp_path: Path) -> None:
    panel = Panel(judges=("a", "b"), quorum=2, force=("a", "b"))
    forced = settings(tmp_path, "a", "b", panels=(panel,))
    assert trusted(forced).all_panels[0].judges == ("a", "b")
    assert all("because it is forced: it has never" in line for line in notices(forced))
    seats = [each.seats[0] for each in standing(forced)]
    assert [(seat.counts, seat.reason[:7]) for seat in seats] == [(True, "forced;")] * 2


def test_it_can_be_left_out(tmp_path: Path) -> None:
    fresh = settings(tmp_path, "a", calibration=Calibration(required=False))
    assert trusted(fresh) is fresh


def test_a_mixed_panel_keeps_its_signals(tmp_path: Path) -> None:
    signals = SignalsJudge(name="s", strict_on="errors")
    panel = Panel(judges=("a", "s"), quorum=1)
    mixed = Settings(paths=Paths(home=tmp_path), judges=(model("a"), signals), panels=(panel,))
    assert trusted(mixed).all_panels[0].judges == ("s",)


def test_a_worker_knows_what_its_supervisor_began_with(tmp_path: Path) -> None:
    fresh = settings(tmp_path, "a", "b")
    began = stage_names(trusted(fresh))
    calibrated(tmp_path, "a")
    calibrated(tmp_path, "b")
    now = stage_names(with_stand_ins(trusted(fresh)))
    assert {name.partition("@")[0] for name in began} <= {name.partition("@")[0] for name in now}


def test_a_record_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "calibration" / "results" / "a"
    folder.mkdir(parents=True)
    (folder / "1.json").write_text("{}")
    with pytest.raises(Unreadable, match=r"1\.json"):
        trusted(settings(tmp_path, "a"))
