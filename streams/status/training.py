"""What the stage `train` says of itself, for `clawback status`."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.training import TrainingRun


@dataclass(frozen=True, slots=True)
class RunState:
    """A run under way. Times are epoch milliseconds.

    `doing` says in a few words what is being done for it, `reason` why it waits. `seconds_left` is
    reckoned from the steps that were measured; None while there are none.
    """

    id: str
    state: str
    base_model: str
    method: str
    tuning: str
    attempt: int
    planned_ms: int
    doing: str = ""
    reason: str = ""
    retry_ms: int | None = None
    hosts: list[str] = field(default_factory=list)
    step: int | None = None
    steps: int | None = None
    loss: float | None = None
    accuracy: float | None = None
    tokens_per_s: float | None = None
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class TrainingState:
    """What the trigger sees, and the run under way. `next_ms` is the next moment at which a run
    may start (epoch milliseconds), `why` what starts it; None and "" while nothing does."""

    at_ms: int
    new: int
    threshold: int
    next_ms: int | None = None
    why: str = ""
    run: RunState | None = None

    @property
    def driven(self) -> bool:
        """Whether something is being done for a run at present."""
        return self.run is not None and bool(self.run.doing)


def describe_run(run: TrainingRun, doing: str, seconds_left: float | None) -> RunState:
    """Return what there is to say of a run."""
    progress = run.progress
    return RunState(
        id=run.id,
        state=run.state,
        base_model=run.base_model,
        method=run.method,
        tuning=run.tuning,
        attempt=run.attempt,
        planned_ms=run.planned_ms,
        doing=doing,
        reason=run.reason,
        retry_ms=run.retry_ms,
        hosts=list(run.hosts),
        step=progress.step if progress else None,
        steps=progress.steps if progress else None,
        loss=progress.loss if progress else None,
        accuracy=progress.accuracy if progress else None,
        tokens_per_s=progress.tokens_per_s if progress else None,
        seconds_left=seconds_left,
    )


def write_training(home: Path, state: TrainingState) -> None:
    """Replace what was said before.

    Raises:
        OSError: the home can't be written.
    """
    path = _path(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(state)), encoding="utf-8")
    os.replace(temporary, path)


def read_training(home: Path) -> TrainingState | None:
    """Return what the stage said last, None where it has said nothing that can be read."""
    try:
        values = json.loads(_path(home).read_text(encoding="utf-8"))
        run = values.pop("run")
        return TrainingState(**values, run=RunState(**run) if run else None)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _path(home: Path) -> Path:
    return home / "run" / "training.json"
