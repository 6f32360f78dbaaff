"""The small parts: what comes over the line, which processes are ours, transfers, the check."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trainer.launch.conftest import Field
from trainer.launch import lock
from trainer.launch.mirror import CHUNK, Mirror, write
from trainer.launch.transfer import Broken, Courier
from trainer.launch.tree import descendants


def test_a_mirror_follows_what_is_added(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    (there / "logs").mkdir(parents=True)
    here.mkdir()
    mirror = Mirror(there, ("metrics.jsonl",))
    log, metrics = there / "logs" / "a.0.log", there / "metrics.jsonl"

    def pass_on() -> int:
        pieces = list(mirror.news())
        for piece in pieces:
            write(here, json.loads(json.dumps(piece)))
        return len(pieces)

    assert pass_on() == 0
    log.write_bytes(b"x" * (2 * CHUNK + 7))
    metrics.write_text("1\n2\n3\n")
    assert pass_on() == 4
    assert pass_on() == 0
    with metrics.open("a") as file:
        file.write("4\n")
    assert pass_on() == 1
    assert (here / "metrics.jsonl").read_text() == "1\n2\n3\n4\n"
    # A run that goes on from a checkpoint takes back what it had said after it.
    metrics.write_text("1\n")
    pass_on()
    assert (here / "metrics.jsonl").read_text() == "1\n"
    assert (here / "logs" / "a.0.log").read_bytes() == log.read_bytes()


def test_a_mirror_that_is_made_anew_sends_all_again(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text("1\n2\n")
    here = tmp_path / "here"
    here.mkdir()
    (here / "metrics.jsonl").write_text("1\n2\n3\nold")
    for piece in Mirror(tmp_path, ("metrics.jsonl",)).news():
        write(here, piece)
    assert (here / "metrics.jsonl").read_text() == "1\n2\n"


def test_a_host_writes_nowhere_but_into_the_runs_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="outside the run's folder"):
        write(tmp_path / "run", {"file": "../x", "at": 0, "data": ""})
    assert not (tmp_path / "x").exists()


def test_descendants_are_found_through_all_generations() -> None:
    rows = [(1, 0, 1), (10, 1, 10), (11, 10, 10), (12, 11, 12), (13, 1, 13)]
    assert descendants(10, rows) == {(11, 10), (12, 12)}
    assert descendants(13, rows) == set()


def test_a_lock_is_held_until_all_who_have_it_are_gone(tmp_path: Path) -> None:
    held = lock.hold(tmp_path / "lock", 0)
    assert held is not None
    assert lock.hold(tmp_path / "lock", 0) is None
    sleeper = subprocess.Popen(["sleep", "600"], pass_fds=(held,))
    os.close(held)
    assert lock.hold(tmp_path / "lock", 0) is None
    assert lock.hold(tmp_path / "lock", 600, lambda: False) is None
    sleeper.kill()
    sleeper.wait()
    again = lock.hold(tmp_path / "lock", 10)
    assert again is not None
    os.close(again)


def test_a_command_on_a_leash_ends_with_its_input(field: Field) -> None:
    command = [sys.executable, "-m", "trainer.launch.leashed", "sleep", "600"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, env=field.environment)
    field.until(lambda: "sleep 600" in field.processes().values())
    process.communicate(timeout=30)
    assert process.returncode != 0
    field.until_nothing_is_left()


@pytest.mark.parametrize("rsync", [False, pytest.param(True, id="rsync")])
async def test_folders_travel_both_ways(
    field: Field, monkeypatch: pytest.MonkeyPatch, rsync: bool
) -> None:
    if rsync and shutil.which("rsync") is None:
        pytest.skip("no rsync on this machine")
    for name in ("PATH", "FAKE_SSH_HOSTS", "PYTHONPATH"):
        monkeypatch.setenv(name, field.environment[name])
    home = field.host("spark1")
    courier = Courier(field.there("spark1"), rsync=rsync, connecting=5)
    there = home / "a folder" if not rsync else home / "folder"
    there.mkdir()
    (there / "stale").touch()
    await courier.send(field.root / "snapshot", str(there))
    assert [path.name for path in there.iterdir()] == ["train.jsonl"]
    assert await courier.fetch(str(home), there.name, field.folder)
    assert (field.folder / there.name / "train.jsonl").read_text() == "{}\n{}\n"
    assert await courier.fetch(str(there), "train.jsonl", field.folder)
    assert (field.folder / "train.jsonl").read_text() == "{}\n{}\n"
    assert not await courier.fetch(str(home), "nothing", field.folder)


async def test_a_transfer_that_breaks_says_why(
    field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PATH", "FAKE_SSH_HOSTS", "PYTHONPATH"):
        monkeypatch.setenv(name, field.environment[name])
    home = field.host("spark1")
    (home / "file").touch()
    courier = Courier(field.there("spark1"), rsync=False, connecting=5)
    with pytest.raises(Broken, match=r"spark1: .*file"):
        await courier.send(field.root / "snapshot", str(home / "file" / "below"))
    with pytest.raises(Broken, match=r"spark1: tar: .*nowhere"):
        await courier.send(field.root / "nowhere", str(home / "target"))
    (home / "unreachable").touch()
    with pytest.raises(Broken, match="spark1: ssh: connect to host spark1 port 22"):
        await courier.fetch(str(home), "file", field.folder)
