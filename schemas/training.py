"""The `training` topic: one state change of a training run."""

from __future__ import annotations

from typing import Literal

from schemas.identity import digest
from schemas.record import Record

TrainingState = Literal[
    "planned", "waiting", "running", "evaluating", "promoted", "refused", "failed"
]


class TrainingRun(Record):
    """A run's state as of one change. `snapshot` is the fingerprint of what it trains on.

    `attempt` counts from 1; `reason` says why a run waits, was refused or failed.
    """

    id: str
    state: TrainingState
    snapshot: str
    base_model: str
    method: Literal["dpo", "kto"]
    pairs: int
    attempt: int = 1
    reason: str = ""


def run_id(snapshot: str, base_model: str, method: str) -> str:
    """Return a run's id: the same data, base and method are the same run, however often tried."""
    return digest("run", snapshot, base_model, method)
