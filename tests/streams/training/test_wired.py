"""The first steps of a run for real: the snapshot in a process of its own, and the plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.settings import Host
from schemas.training import TrainingRun
from streams.broker import open_broker
from streams.settings.load import load
from streams.training.steps import Failed, Refused, Work
from streams.training.wired import PLAN, SNAPSHOT, Made, WiredSteps
from tests.support.training import REPO, base_model
from trainer.plan.plans import Plan


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Work:
    """Return a run's work in a home of its own, which the processes of its steps read, too."""
    monkeypatch.setenv("CLAWBACK_CONFIG", "")
    monkeypatch.setenv("CLAWBACK_PATHS__HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CLAWBACK_PATHS__OUTPUT", str(tmp_path / "output"))
    monkeypatch.setenv("CLAWBACK_TRAIN__MODEL", str(base_model(tmp_path)))
    monkeypatch.setenv("PYTHONPATH", str(REPO))
    run = TrainingRun(id="ab" * 16, state="planned", base_model="tiny", method="dpo", pairs=3)
    folder = tmp_path / "home" / "training" / run.id
    folder.mkdir(parents=True)
    return Work(run, folder)


def made(work: Work, rows: int, held_out: int) -> None:
    """Let the snapshot be there already."""
    found = Made(path=work.folder, fingerprint="f1", rows=rows, held_out=held_out)
    (work.folder / SNAPSHOT).write_text(found.model_dump_json())


def steps(*hosts: Host) -> WiredSteps:
    settings = load(None)
    if hosts:
        settings = settings.model_copy(update={"hosts": hosts})
    return WiredSteps(settings)


async def test_without_turns_there_is_nothing_to_train_on(work: Work) -> None:
    open_broker(load(None)).ensure_topics()
    with pytest.raises(Refused, match=r"snapshot \w+ has no pairs to train on"):
        await steps().snapshot(work)
    kept = Made.model_validate_json((work.folder / SNAPSHOT).read_bytes())
    assert kept.path.parent == load(None).paths.output / "snapshots"
    assert (kept.path / "manifest.json").exists()


async def test_a_snapshot_that_is_there_is_not_made_again(work: Work) -> None:
    made(work, rows=5, held_out=2)
    assert await steps().snapshot(work) == "f1"


async def test_without_a_pair_kept_back_nothing_could_be_shown(work: Work) -> None:
    made(work, rows=5, held_out=0)
    with pytest.raises(Refused, match=r"keeps no pair back.*pairs\.eval_share"):
        await steps().snapshot(work)


async def test_a_missing_library_is_named_with_what_to_install(
    work: Work, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "datasets.py").write_text(
        "raise ModuleNotFoundError('no datasets', name='datasets')\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'broken'}:{REPO}")
    with pytest.raises(
        Failed, match=r"the snapshot was not made: datasets is not installed; .*pip"
    ):
        await steps().snapshot(work)


async def test_a_plan_that_fits_is_kept(work: Work) -> None:
    assert await steps(Host(name="spark1", accelerator="cpu", memory=8)).plan(work) == ("spark1",)
    assert Plan.model_validate_json((work.folder / PLAN).read_bytes()).fits


async def test_what_does_not_fit_is_refused_with_what_would(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAWBACK_TRAIN__MODEL", "Qwen/Qwen2.5-72B-Instruct")
    monkeypatch.setenv("CLAWBACK_TRAIN__TUNING", "full")
    hosts = (Host(name="spark1", address="spark1"), Host(name="spark2", address="spark2"))
    with pytest.raises(Refused, match=r"What would fit: .*`clawback train --plan`"):
        await steps(*hosts).plan(work)


async def test_a_base_that_is_not_there_is_refused(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAWBACK_TRAIN__MODEL", "/nowhere")
    with pytest.raises(Refused, match=r"train\.model: /nowhere"):
        await steps().plan(work)
