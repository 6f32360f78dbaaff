"""The `training` topic: one state change of a training run."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter

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
    (epoch milliseconds), or a postponed run tries again. `hosts` are the machines it holds,
    `candidate` the model it made. `request` is the id of the `TrainingRequest` that it answers.
    `read` are the offsets up to which the topic of the examples had been read when it was planned,
    by partition: what stands behind them is new to the next run.
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
    request: str = ""
    read: dict[str, int] = Field(default_factory=dict)
    progress: TrainingProgress | None = None


class TrainingRequest(Record):
    """What a person asks of the stage `train`, on the same topic.

    `now` starts a run though it is not yet time; `resume` goes on with the run of that id, which
    has failed; `stop` ends it. Keyed as the run's own records, so that it has its place among them;
    `now` has the key ``now``.
    """

    id: str
    request: Literal["now", "resume", "stop"]
    run: str = ""
    at_ms: int


def request_id(request: str, run: str, at_ms: int) -> str:
    """Return a request's id: what was asked of which run, and when."""
    return digest("training request", request, run, at_ms)


def read_training(value: bytes) -> TrainingRun | TrainingRequest:
    """Read a value of the topic `training`.

    Raises:
        pydantic.ValidationError: it is neither.
    """
    return _EITHER.validate_json(value)


_EITHER: TypeAdapter[TrainingRun | TrainingRequest] = TypeAdapter(
    Annotated[TrainingRun | TrainingRequest, Field(union_mode="left_to_right")]
)


def run_id(pairs: str, base_model: str, method: str, tuning: str) -> str:
    """Return a run's id: the same pairs, base and method are the same run, however often tried.

    Args:
        pairs: what stands for the set of all pairs that were there, in any order.
    """
    return digest("run", pairs, base_model, method, tuning)
