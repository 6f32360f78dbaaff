"""Launches whose ranks need no torch, on this machine and on hosts behind a fake ssh."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support import fakessh
from trainer.job import Job
from trainer.launch.ending import Ending, ending_of, read_reason
from trainer.launch.launch import Launch, Node

ROOT = Path(__file__).parents[3]
PATIENCE = 60.0


class Field:
    """A driving folder, the hosts there are, and the processes that belong to them."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        self.environment = {
            **os.environ,
            **fakessh.install(folder),
            "PYTHONPATH": f"{ROOT}:{ROOT}/tests/support/faketorch",
            "CLAWBACK_TEST": str(folder),
        }
        snapshot = folder / "snapshot"
        snapshot.mkdir()
        (snapshot / "train.jsonl").write_text("{}\n{}\n")
        self.folder = folder / "home" / "run1"
        self.folder.mkdir(parents=True)
        self.patience = PATIENCE
        self.launchers: list[subprocess.Popen[str]] = []

    def host(self, name: str, **behaviour: str) -> Path:
        """Set a remote host up and return its home."""
        home = self.root / "hosts" / name
        home.mkdir()
        for what, text in behaviour.items():
            (home / what).write_text(text)
        return home

    def here(self, **fields: Any) -> Node:
        values = {"name": "here", "python": sys.executable, "folder": str(self.folder)}
        return Node(**{**values, "meeting": "127.0.0.1", **fields})

    def there(self, name: str, **fields: Any) -> Node:
        return self.here(name=name, address=f"me@{name}", folder="~/training/run1", **fields)

    def launch(self, *nodes: Node, do: str = "train", **fields: Any) -> Launch:
        """Return a launch whose ranks do as `tests.support.rank` reads `do`."""
        job = Job(
            run="run1",
            method="dpo",
            tuning="lora",
            model=do,
            snapshot=self.root / "snapshot",
            output=self.folder,
            accelerator="cpu",
        )
        values = {"module": "tests.support.rank", "packages": (), "grace": 10.0, **fields}
        return Launch(
            run="run1", folder=self.folder, nodes=nodes or (self.here(),), job=job, **values
        )

    def start(self, launch: Launch, *options: str) -> subprocess.Popen[str]:
        path = launch.write()
        process = subprocess.Popen(
            [sys.executable, "-m", "trainer.launch", *options, str(path)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            start_new_session=True,
        )
        self.launchers.append(process)
        return process

    def run(self, launch: Launch) -> Ending:
        """Launch it, wait for its end, and see to it that nothing is left of it."""
        process = self.start(launch)
        process.communicate(timeout=self.patience)
        assert self.processes() == {}
        return ending_of(launch.folder, process.returncode)

    def reason(self) -> str:
        """Return why the last attempt ended."""
        said = read_reason(self.folder)
        return "" if said is None else said.reason

    def processes(self) -> dict[int, str]:
        """Return what runs below this field, by process id."""
        found = {}
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue
                environment = process.environ()
                mine = environment.get("CLAWBACK_TEST") == str(self.root)
                if mine or environment.get("HOME", "").startswith(str(self.root)):
                    found[process.pid] = " ".join(process.cmdline())
        return found

    def pid(self, module: str, *others: str) -> int:
        """Return the process id of a module of the run."""
        (found,) = [
            pid
            for pid, line in self.processes().items()
            if f"-m {module} " in f"{line} " and all(other in line for other in others)
            if "sh -c" not in line and "fakessh" not in line
        ]
        return found

    def until(self, met: Callable[[], object]) -> None:
        end = time.monotonic() + self.patience
        while not met():
            assert time.monotonic() < end, self.processes()
            time.sleep(0.05)

    def until_ranks(self, *folders: Path, count: int) -> None:
        """Wait until so many ranks are at work."""
        self.until(lambda: sum(len(list(each.glob("pid.*"))) for each in folders) == count)

    def until_nothing_is_left(self) -> None:
        self.until(lambda: not self.processes())


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    field = Field(tmp_path)
    yield field
    for pid in field.processes():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for process in field.launchers:
        process.wait()
        for stream in (process.stdin, process.stderr):
            if stream is not None:
                stream.close()
