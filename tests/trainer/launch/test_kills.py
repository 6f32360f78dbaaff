"""Whatever of a launch is killed: nothing of it is left, and somebody says why."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.trainer.launch.conftest import PATIENCE, Field
from trainer.launch.ending import CODES

Folders = tuple[Path, ...]


def two_hosts(field: Field) -> Folders:
    """Start a launch that waits, here and on a host behind ssh."""
    home = field.host("spark1")
    nodes = (field.here(devices=2), field.there("spark1", devices=2))
    field.start(field.launch(*nodes, do="wait"), "--leash")
    folders = (field.folder, home / "training" / "run1")
    field.until_ranks(*folders, count=4)
    return folders


def test_a_killed_launcher_leaves_nothing_on_any_host(field: Field) -> None:
    two_hosts(field)
    field.launchers[0].kill()
    field.until_nothing_is_left()


def test_a_launcher_killed_while_it_sends_leaves_nothing(field: Field) -> None:
    home = field.host("spark1")
    with (field.root / "snapshot" / "train.jsonl").open("wb") as file:
        file.truncate(1_000_000_000)
    process = field.start(field.launch(field.there("spark1")))
    field.until((home / "training" / "run1" / "snapshot" / "train.jsonl").exists)
    process.kill()
    field.until_nothing_is_left()


def test_a_launcher_killed_while_it_asks_leaves_nothing(field: Field) -> None:
    field.host("spark1", slow="1")
    process = field.start(field.launch(field.there("spark1")))
    field.until(lambda: any("fakessh" in line for line in field.processes().values()))
    process.kill()
    field.until_nothing_is_left()


def agent_here(field: Field, _: Folders) -> int:
    return next(
        pid
        for pid, line in field.processes().items()
        if line.endswith("-m trainer.launch.host") and os.getsid(pid) == pid
    )


def agent_there(field: Field, folders: Folders) -> int:
    home = str(folders[1].parents[1])
    return next(
        pid
        for pid, line in field.processes().items()
        if line.endswith("-m trainer.launch.host") and psutil.Process(pid).cwd() == home
    )


def torchrun_here(field: Field, folders: Folders) -> int:
    return field.pid("trainer.launch.torchrun", f"{folders[0]}/job.json")


def torchrun_there(field: Field, folders: Folders) -> int:
    return field.pid("trainer.launch.torchrun", f"{folders[1]}/job.json")


def rank_here(_: Field, folders: Folders) -> int:
    return int((folders[0] / "pid.1").read_text())


def rank_there(_: Field, folders: Folders) -> int:
    return int((folders[1] / "pid.2").read_text())


KILLED = "was killed by SIGKILL (out of memory?)"


@pytest.mark.parametrize(
    ("whom", "reason"),
    [
        (agent_here, f"here: its agent {KILLED}"),
        (agent_there, "spark1: its agent "),
        (torchrun_here, f"here: {KILLED}"),
        (torchrun_there, f"spark1: {KILLED}"),
        (rank_here, f"here, rank 1: {KILLED}"),
        (rank_there, f"spark1, rank 2: {KILLED}"),
    ],
)
def test_what_dies_on_one_host_ends_the_run_on_all(
    field: Field, whom: Callable[[Field, Folders], int], reason: str
) -> None:
    folders = two_hosts(field)
    os.kill(whom(field, folders), signal.SIGKILL)
    (launcher,) = field.launchers
    launcher.wait(PATIENCE)
    assert launcher.returncode == CODES["failed"]
    assert field.reason().startswith(reason)
    field.until_nothing_is_left()


def test_an_agent_that_no_longer_hears_its_launcher_ends_its_ranks(field: Field) -> None:
    """As where a cable is pulled, and neither side is told."""
    home = field.host("spark1")
    launch = field.launch(field.there("spark1", devices=2), do="wait", silence=2.0)
    process = field.start(launch)
    folder = home / "training" / "run1"
    field.until_ranks(folder, count=2)
    process.send_signal(signal.SIGSTOP)
    ranks = [int((folder / f"pid.{number}").read_text()) for number in range(2)]
    field.until(lambda: not field.processes().keys() & set(ranks))
    process.kill()
    field.until_nothing_is_left()
