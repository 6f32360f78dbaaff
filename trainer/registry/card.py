"""What is known of a model, written once and never changed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

import trainer
from schemas.identity import digest
from trainer.job import DONE, METRICS, Done, Job

FORMAT: Final = 1
PLAN: Final = "plan.json"
DECISION: Final = "gate/decision.json"


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Seat(_Frozen):
    """A judge of the panel whose scores made the pairs: its name, model and rubric."""

    judge: str
    model: str
    rubric: str


class Code(_Frozen):
    """Which clawback trained it: its version, and the commit where it runs from a clone; a `+`
    behind it says that files differed from the commit."""

    version: str
    commit: str = ""


class Card(_Frozen):
    """A model and where it comes from.

    `snapshot` is the fingerprint of the data set and `panel` the label of the panel whose scores
    made it. `broker`, `prefix` and `offsets` say which records it was made of: by topic and
    partition, the offset after the last one. `rows` counts by kind and split. `settings` is what
    every rank was told, `plan` what was planned (empty where there was none), `decision` the
    gate's (empty where there was none). `progress` is the last line of the metrics. `files` are
    the SHA-256 digests of the weights, by their path below `model/`.
    """

    format: int = FORMAT
    id: str
    run: str
    base_model: str
    method: Literal["dpo", "kto"]
    tuning: Literal["full", "lora", "qlora"]
    snapshot: str
    panel: str
    judges: tuple[Seat, ...] = ()
    rows: Mapping[str, Mapping[str, int]] = {}
    broker: str = ""
    prefix: str = ""
    offsets: Mapping[str, Mapping[str, int]] = {}
    settings: Mapping[str, Any] = {}
    plan: Mapping[str, Any] = {}
    code: Code
    versions: Mapping[str, str] = {}
    steps: int
    loss: float
    seconds: float
    progress: Mapping[str, Any] = {}
    decision: Mapping[str, Any] = {}
    files: Mapping[str, str]

    @property
    def passed(self) -> bool:
        """Whether the gate let it pass."""
        return self.decision.get("promote") is True

    @property
    def verdict(self) -> str:
        """Return what the gate found, in one line."""
        if not self.decision:
            return "it was not evaluated"
        return str(self.decision.get("sentence") or ("passed" if self.passed else "refused"))


def make_card(
    run: Path, snapshot: Path, files: Mapping[str, str], judges: tuple[Seat, ...], code: Code
) -> Card:
    """Return the card of a finished run's model.

    Args:
        run: the run's folder.
        snapshot: the directory it was trained on.
        files: the digests of its weights.
        judges: who sat on the panel.
        code: what trained it.

    Raises:
        OSError, ValueError: a file that must be there is not, or is not what it should be.
    """
    job = Job.model_validate_json((run / "job.json").read_bytes())
    done = Done.model_validate_json((run / DONE).read_bytes())
    manifest = _read(snapshot / "manifest.json")
    lineage = _read(snapshot / "lineage.json")
    metrics = run / METRICS
    lines = metrics.read_bytes().splitlines() if metrics.exists() else []
    return Card(
        id=model_id(job.run, files),
        run=job.run,
        base_model=job.model,
        method=job.method,
        tuning=job.tuning,
        snapshot=snapshot.name,
        panel=manifest["panel"],
        judges=judges,
        rows=manifest["counts"]["rows"],
        broker=lineage["broker"],
        prefix=lineage["prefix"],
        offsets=lineage["offsets"],
        settings=job.model_dump(mode="json"),
        plan=_read(run / PLAN) if (run / PLAN).exists() else {},
        code=code,
        versions=done.versions,
        steps=done.steps,
        loss=done.loss,
        seconds=done.seconds,
        progress=json.loads(lines[-1]) if lines else {},
        decision=_read(run / DECISION) if (run / DECISION).exists() else {},
        files=files,
    )


def model_id(run: str, files: Mapping[str, str]) -> str:
    """Return a model's id: the same weights of the same run are the same model."""
    return digest("model", run, dict(files))


def this_code() -> Code:
    """Return which clawback this is."""
    try:
        number = version("clawback")
    except PackageNotFoundError:
        number = "unknown"
    root = Path(trainer.__file__).parents[1]
    # Without a clone's own mark, git would speak of whatever repository lies around it.
    return Code(version=number, commit=_commit(root) if (root / ".git").exists() else "")


def _commit(root: Path) -> str:
    command = ["git", "-C", str(root), "describe", "--always", "--abbrev=40", "--dirty=+"]
    try:
        said = subprocess.run(
            [*command, "--exclude=*"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return said.stdout.strip()


def _read(path: Path) -> Any:
    return json.loads(path.read_bytes())
