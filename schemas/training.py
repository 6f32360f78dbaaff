"""The `training` topic: one state change of a training run."""

from __future__ import annotations

from typing import Final, Literal

from schemas.identity import digest
from schemas.record import Part, Record

TrainingState = Literal[
    "planned", "waiting", "running", "evaluating", "promoted", "refused", "failed"
]

ENDED: Final[tuple[TrainingState, ...]] = ("promoted", "refused", "failed")
"""A run in one of these is over; `failed` only when its last attempt was."""


class TrainingProgress(Part):
    """How far a running run is: a line of the trainer's metrics.

    `loss` is the mean since the line before, `accuracy` the share of pairs whose chosen side has
    the higher reward and `margin` the difference of the two rewards (both of the training rows;
    None where a method has none), `tokens_per_s` counts all devices.
    """

    step: int
    steps: int
    loss: float
    accuracy: float | None = None
    margin: float | None = None
    learning_rate: float | None = None
    tokens_per_s: float | None = None


class TrainingRun(Record):
    """A run's state as of one change, or its progress within a state.

    `pairs` counts the new pairs that started it. `snapshot` is the fingerprint of what it trains
    on, empty until that is made. `attempt` counts from 1; `reason` says why a run waits, was
    refused or failed, and what to do. `retry_ms` is when a failed attempt is followed by the next
    (epoch milliseconds). `hosts` are the machines it holds, `candidate` the model it made.
    """

    id: str
    state: TrainingState
    snapshot: str = ""
    base_model: str
    method: Literal["dpo", "kto"]
    tuning: Literal["full", "lora", "qlora"] = "lora"
    pairs: int
    attempt: int = 1
    reason: str = ""
    planned_ms: int = 0
    at_ms: int = 0
    retry_ms: int | None = None
    hosts: tuple[str, ...] = ()
    candidate: str = ""
    progress: TrainingProgress | None = None


def run_id(pairs: str, base_model: str, method: str, tuning: str) -> str:
    """Return a run's id: the same pairs, base and method are the same run, however often tried.

    Args:
        pairs: what stands for the set of all pairs that were there, in any order.
    """
    return digest("run", pairs, base_model, method, tuning)
