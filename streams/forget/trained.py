"""Which models were trained on what is forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from schemas.topics import TRAINING
from schemas.training import TrainingRun, read_training
from streams.forget.find import Found, base
from streams.forget.records import Records
from streams.forget.rows import saw
from streams.forget.target import Target

BEGUN = ("running", "evaluating", "promoted")
"""A run that was refused or failed without ever having run has shown its pairs to no model."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A training run that had what goes among its rows: for `sure` where its snapshot says so,
    perhaps where the snapshot is gone and the run had begun after one of the pairs was there.

    `snapshot` is the fingerprint of its data set; `state` the run's latest, `model` what it made,
    if it has.
    """

    run: str
    base_model: str
    method: str
    snapshot: str
    state: str
    model: str = ""
    sure: bool = False


def trained_on(records: Records, snapshots: Path, target: Target, found: Found) -> list[Seen]:
    """Return the runs that have seen, or may have seen, what goes.

    Args:
        records: among them are the runs.
        snapshots: the directory of all snapshots.
        target: what is forgotten.
        found: what goes with it.

    Raises:
        LogError, BrokerError: they can't be read.
    """
    latest: dict[str, TrainingRun] = {}
    began: dict[str, int] = {}
    for topic in records.topics():
        if base(topic.name) != TRAINING:
            continue
        for number in range(topic.partitions):
            start = 0
            while read := records.read(topic.name, number, start):
                start = read[-1].offset + 1
                for record in read:
                    run = _run(record.value)
                    if run is None:
                        continue
                    latest[run.id] = run
                    if run.state in BEGUN:
                        began.setdefault(run.id, record.time_ms)
    first = found.first_pair_ms
    seen: list[Seen] = []
    for name, at_ms in sorted(began.items()):
        run = latest[name]
        known = saw(run, snapshots, target, found)
        if known or (known is None and first is not None and at_ms >= first):
            seen.append(
                Seen(
                    *(run.id, run.base_model, run.method, run.snapshot, run.state, run.candidate),
                    sure=bool(known),
                )
            )
    return seen


def _run(value: bytes | None) -> TrainingRun | None:
    """Return a run's record; what a person has asked for stands on the topic, too."""
    try:
        read = read_training(value or b"")
    except ValidationError:
        # The stage has put it among the dead letters.
        return None
    return read if isinstance(read, TrainingRun) else None
