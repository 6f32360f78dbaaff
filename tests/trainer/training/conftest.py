"""A base and a snapshot for all tests of training, made once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.tinymodel import make_job, make_model, make_snapshot
from trainer.job import Job
from trainer.rank import attempt

ROOT = Path(__file__).parents[3]
PATIENCE = 300.0

# Threads of a tiny model wait for one another more than they compute.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tiny model."""
    return make_model(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small snapshot whose rows tell of tools."""
    return make_snapshot(tmp_path_factory.mktemp("small") / "small", train=16, unpaired=6)


@pytest.fixture(scope="session")
def learnable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a snapshot that is large enough to learn its preference from."""
    folder = tmp_path_factory.mktemp("learnable") / "learnable"
    return make_snapshot(folder, train=320, held_out=64, tools=False)


class Trained:
    """A run's folder, and what is in it."""

    def __init__(self, output: Path, code: int) -> None:
        self.output = output
        self.code = code

    def json(self, name: str) -> Any:
        """Return a file of it."""
        return json.loads((self.output / name).read_text())

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl."""
        return [json.loads(line) for line in (self.output / "metrics.jsonl").open()]

    @property
    def losses(self) -> list[tuple[int, float]]:
        """Each line's step and loss."""
        return [(line["step"], line["loss"]) for line in self.metrics]


class Train:
    """Trains in this process, which has torch loaded."""

    def __init__(self, output: Path, base: Path, snapshot: Path) -> None:
        self._output = output
        self._base = base
        self._snapshot = snapshot

    def __call__(
        self, *, model: str | Path = "", snapshot: Path | None = None, **changes: Any
    ) -> Trained:
        job = make_job(
            Path(model or self._base), snapshot or self._snapshot, self._output, **changes
        )
        return Trained(self._output, attempt(Job.model_validate_json(job.read_bytes())))


@pytest.fixture
def train(tmp_path: Path, base: Path, snapshot: Path) -> Iterator[Train]:
    """Return what trains; the environment is afterwards as it was."""
    before = dict(os.environ)
    yield Train(tmp_path / "run", base, snapshot)
    os.environ.clear()
    os.environ.update(before)


def start(job: Path, *, ranks: int = 0, die: str = "") -> Trained:
    """Train in processes of their own, as the launcher does, and wait for their end.

    Args:
        job: job.json.
        ranks: how many torchrun starts; 0 runs one process plainly.
        die: when rank 0 is killed; see `tests.support.dying`.
    """
    command: Sequence[str] = ["-m", "trainer.rank", str(job)]
    if die:
        command = ["-m", "tests.support.dying", str(job), die]
    if ranks:
        launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={ranks}"]
        command = [*launcher, *command]
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    if done.returncode and not die:
        raise AssertionError(done.stderr[-4000:])
    return Trained(job.parent, done.returncode)
