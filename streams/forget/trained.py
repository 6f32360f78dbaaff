"""Which models were trained on what is forgotten."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from schemas.topics import TRAINING
from schemas.training import TrainingRun, read_training
from streams.embedded.log import Log
from streams.forget.find import base

BEGUN = ("running", "evaluating", "promoted")
"""A run that was refused or failed without ever having run has shown its pairs to no model."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A training run that had begun after one of the pairs was there. `snapshot` is the
    fingerprint of its data set; `state` the run's latest, `model` what it made, if it has."""

    run: str
    base_model: str
    method: str
    snapshot: str
    state: str
    model: str = ""


def trained_on(log: Log, first_pair_ms: int | None) -> list[Seen]:
    """Return the runs that may have seen pairs of which the first was there at `first_pair_ms`
    (epoch milliseconds; None if there never was one).

    Raises:
        LogError: the log can't be read.
    """
    if first_pair_ms is None:
        return []
    latest: dict[str, TrainingRun] = {}
    begun: set[str] = set()
    for topic in log.topics():
        if base(topic.name) != TRAINING:
            continue
        for number in range(topic.partitions):
            start = 0
            while records := log.read(topic.name, number, start):
                start = records[-1].offset + 1
                for record in records:
                    run = _run(record.value)
                    if run is None:
                        continue
                    latest[run.id] = run
                    if run.state in BEGUN and record.time_ms >= first_pair_ms:
                        begun.add(run.id)
    runs = (latest[name] for name in sorted(begun))
    return [
        Seen(run.id, run.base_model, run.method, run.snapshot, run.state, run.candidate)
        for run in runs
    ]


def _run(value: bytes | None) -> TrainingRun | None:
    """Return a run's record; what a person has asked for stands on the topic, too."""
    try:
        read = read_training(value or b"")
    except ValidationError:
        # The stage has put it among the dead letters.
        return None
    return read if isinstance(read, TrainingRun) else None
