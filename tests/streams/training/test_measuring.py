"""Where the gate measures: on this machine, or on the host that has trained."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from schemas.settings import Gate, Host, Settings, Train
from streams.training.measuring import FOLDER, Incumbent, measure
from streams.training.steps import Failed, Postponed
from tests.support import fakessh
from tests.support.training import REPO, SUPPORT
from trainer.gate.conclude import Unfinished, conclude
from trainer.gate.job import GATE, MEASURED, GateJob, Weights
from trainer.job import Job
from trainer.launch.launch import Launch, launch_of

HERE = Host(name="here", accelerator="cpu")
THERE = Host(
    name="spark1",
    address="me@spark1",
    accelerator="cpu",
    folder=Path("~/training"),
    python=sys.executable,
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a run's folder; a host spark1 is behind a stand-in for ssh."""
    for name, value in fakessh.install(tmp_path).items():
        monkeypatch.setenv(name, value)
    path = f"{SUPPORT / 'faketraining'}:{SUPPORT / 'faketorch'}:{REPO}"
    monkeypatch.setenv("PYTHONPATH", path)
    made = tmp_path / "home" / "run1"
    made.mkdir(parents=True)
    return made


def launch(folder: Path, host: Host, python: str = "") -> Launch:
    job = Job(
        run="run1", method="dpo", tuning="lora", model="tiny", accelerator="cpu",
        snapshot=folder.parent / "snapshot", output=folder,
    )  # fmt: skip
    return launch_of(Settings(train=Train(python=python)), "run1", folder, job, [host])


def home_of_spark1(folder: Path) -> Path:
    path = folder.parents[1] / "hosts" / "spark1"
    (path / "training" / "run1").mkdir(parents=True)
    return path


def job_in(folder: Path) -> GateJob:
    return GateJob.model_validate_json((folder / FOLDER / GATE).read_bytes())


def nothing(_: str) -> None:
    pass


async def test_on_this_machine_it_works_in_the_runs_folder(folder: Path) -> None:
    served = Incumbent(weights=folder.parent / "m1", base="tiny")
    await measure(launch(folder, HERE), Gate(prompts=7), served, nothing)
    assert (folder / FOLDER / MEASURED).exists()
    job = job_in(folder)
    assert (job.folder, job.snapshot, job.prompts) == (
        folder / FOLDER, folder.parent / "snapshot", 7,
    )  # fmt: skip
    assert job.candidate == Weights(model="tiny", adapter=str(folder / "model"))
    assert job.incumbent == Weights(model="tiny", adapter=str(folder.parent / "m1"))


async def test_on_a_host_of_its_own_it_works_with_what_is_there(folder: Path) -> None:
    there = home_of_spark1(folder) / "training" / "run1"
    weights = folder.parent / "m1"
    weights.mkdir()
    (weights / "model.safetensors").write_bytes(b"weights")
    await measure(launch(folder, THERE), Gate(), Incumbent(weights=weights), nothing)
    job = job_in(folder)
    assert (job.folder, job.snapshot) == (there / "gate", there / "snapshot")
    assert job.candidate == Weights(model="tiny", adapter=str(there / "model"))
    assert job.incumbent == Weights(model=str(there / "incumbent"))
    assert (there / "incumbent" / "model.safetensors").read_bytes() == b"weights"
    assert (folder / FOLDER / MEASURED).read_bytes() == (there / "gate" / MEASURED).read_bytes()
    with pytest.raises(Unfinished, match="judges"):
        conclude(folder / FOLDER, Gate())


async def test_what_was_measured_there_is_not_thrown_away(folder: Path) -> None:
    gate = home_of_spark1(folder) / "training" / "run1" / "gate"
    gate.mkdir()
    (gate / "half").write_text("measured before the connection was cut")
    await measure(launch(folder, THERE), Gate(), None, nothing)
    assert (gate / "half").exists()
    assert (folder / FOLDER / "half").exists()


async def test_a_host_that_is_away_is_waited_for(folder: Path) -> None:
    with pytest.raises(Postponed, match=r"spark1: .*No route to host"):
        await measure(launch(folder, THERE), Gate(), None, nothing)


async def test_a_host_that_lacks_something_says_what(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home_of_spark1(folder)
    monkeypatch.setenv("PYTHONPATH", str(REPO))
    with pytest.raises(Failed, match=r"spark1: .* has no .*torch"):
        await measure(launch(folder, THERE), Gate(), None, nothing)


async def test_a_process_that_fails_fails_the_attempt(folder: Path) -> None:
    with pytest.raises(Failed, match="the gate could not measure: exit code 1"):
        await measure(launch(folder, HERE, python="/bin/false"), Gate(), None, nothing)


async def test_a_list_that_can_not_be_read_is_not_tried_again(folder: Path) -> None:
    (folder / "list.jsonl").write_text("no json\n")
    rules = Gate(must_pass=str(folder / "list.jsonl"))
    with pytest.raises(Failed, match=r"list\.jsonl") as raised:
        await measure(launch(folder, HERE), rules, None, nothing)
    assert raised.value.retry is False


@pytest.mark.parametrize("host", [HERE, THERE], ids=["here", "there"])
async def test_nothing_goes_on_when_nobody_waits_for_it(folder: Path, host: Host) -> None:
    gate = (
        home_of_spark1(folder) / "training" / "run1" / "gate" if host is THERE else folder / FOLDER
    )
    gate.mkdir()
    (gate / "wait").touch()
    measuring = asyncio.create_task(measure(launch(folder, host), Gate(), None, nothing))

    async def until(what: str) -> None:
        for _ in range(6000):
            alive = (gate / "pid").exists() and _alive(int((gate / "pid").read_text() or 0))
            if alive is (what == "at work"):
                return
            assert not measuring.done() or what != "at work", measuring
            await asyncio.sleep(0.01)
        raise AssertionError(what)

    await until("at work")
    measuring.cancel()
    await asyncio.wait({measuring})
    await until("gone")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
