"""When a run starts: enough is new, the schedule or a person says so, or one is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from typing import Final, Literal

from schemas.settings import Pairs, Train
from schemas.table import Table
from schemas.topics import PAIRS, TRAINING, VERDICTS
from schemas.training import TrainingRequest, TrainingRun, read_training, run_id
from schemas.verdict import Verdict
from trainer.runs import book, examples
from trainer.runs.hours import Hours
from trainer.runs.states import advance, again

_LOOKED: Final = "looked"
"""In the table: when it was last found that the time was not right (epoch milliseconds)."""

Why = Literal["", "threshold", "schedule", "asked", "resumed", "retry"]


@dataclass(frozen=True, slots=True)
class Start:
    """The next start of a run: why, and the first moment at which it may be (epoch milliseconds;
    the window or the clock may then say no, and it is looked for again)."""

    why: Why
    at_ms: int


class Trigger:
    """Decides from the examples and the runs there were. All its state is in the table.

    What counts as an example: for DPO a preference pair that is on the topic `pairs` and has not
    been withdrawn; for KTO a turn that the panel of the sinks has scored as good or as bad, since
    each gives a labelled answer.

    Args:
        train: when and how.
        panel: the label of the panel whose verdicts label answers.
        rules: from which score on an answer is good or bad.
        zone: whose clock the window and the schedule go by; None for this machine's.
    """

    def __init__(self, train: Train, panel: str, rules: Pairs, zone: tzinfo | None = None) -> None:
        self._train = train
        self._panel = panel
        self._rules = rules
        self._hours = Hours(train.window, zone)
        self._always = Hours()

    @property
    def topics(self) -> tuple[str, ...]:
        """What it reads."""
        return (PAIRS if self._train.method == "dpo" else VERDICTS, TRAINING)

    @property
    def version(self) -> str:
        """Changes when the same records would lead to another table."""
        if self._train.method == "dpo":
            return "train 1 dpo"
        return f"train 1 kto {self._panel} {self._rules.chosen:g} {self._rules.rejected:g}"

    def take(
        self,
        topic: str,
        partition: int,
        offset: int,
        at_ms: int,
        key: bytes,
        value: bytes | None,
        table: Table,
    ) -> None:
        """Take in a record.

        Raises:
            pydantic.ValidationError: it can't be read.
        """
        if topic == PAIRS:
            name = key.decode()
            examples.take(name, partition, offset, at_ms, there=value is not None, table=table)
        elif topic == VERDICTS:
            # Before it is read: what can't be read has been read all the same.
            examples.passed(partition, offset, table)
            self._take_verdict(Verdict.from_bytes(value or b""), partition, offset, at_ms, table)
        elif topic == TRAINING and value is not None:
            record = read_training(value)
            if isinstance(record, TrainingRun):
                self._take_run(record, table)
            else:
                book.take_request(record, table)

    def next_start(self, table: Table, from_ms: int = 0) -> Start | None:
        """Return the next start, or None where there is none without further records. A run that
        is under way and not waiting for a time is nobody's business here.

        Args:
            table: the state.
            from_ms: openings of the window before then have been missed (epoch milliseconds).
        """
        looked = max(from_ms, int(table.get(_LOOKED) or 0))
        run = book.under_way(table)
        if run is not None:
            if run.retry_ms is None:
                return None
            return Start("retry", self._hours_for(run).earliest(max(run.retry_ms, looked)))
        if (resumed := book.resume_asked(table)) is not None:
            return Start("resumed", resumed.at_ms)
        new = examples.new(table)
        if (asked := book.now_asked(table)) is not None:
            return Start("asked", asked.at_ms) if examples.count(table) else None
        last = book.last_start(table)
        ready: list[tuple[int, Why]] = []
        if new.number >= self._train.min_pairs:
            ready.append((0, "threshold"))
        if self._train.schedule and new.number:
            moment = self._hours.scheduled(self._train.schedule, max(new.first_ms, last))
            ready.append((moment, "schedule"))
        if not ready:
            return None
        at_ms, why = min(ready)
        return Start(why, self._hours.earliest(max(at_ms, self._rested(table), looked)))

    def earliest(self, now_ms: int, table: Table) -> int:
        """Return the first moment from now on at which a run could start if enough were new."""
        return self._hours.earliest(max(now_ms, self._rested(table)))

    def start(self, now_ms: int, table: Table) -> list[TrainingRun]:
        """Start what may start now, and return its record; the table has it already."""
        start = self.next_start(table)
        if start is None or start.at_ms > now_ms:
            return []
        run = book.under_way(table)
        asked = run is None and start.why in ("asked", "resumed")
        if not (self._always if asked else self._hours_for(run)).inside(now_ms):
            table.put(_LOOKED, b"%d" % now_ms)
            return []
        made: TrainingRun | None
        if run is not None:
            made = self._retried(run, now_ms)
        elif start.why == "resumed":
            made = self._resumed(now_ms, table)
        else:
            made = self._planned(book.now_asked(table), now_ms, table)
        if made is None:
            return []
        self._take_run(made, table)
        return [made]

    def _rested(self, table: Table) -> int:
        """Return the first moment that is long enough after the last start."""
        last = book.last_start(table)
        return last + int(self._train.min_between * 1000) if last else 0

    def _take_run(self, run: TrainingRun, table: Table) -> None:
        book.take_run(run, table)
        if run.method == self._train.method:
            examples.cover(run.read, table)

    def _take_verdict(
        self, verdict: Verdict, partition: int, offset: int, at_ms: int, table: Table
    ) -> None:
        scores = verdict.scores if verdict.status == "scored" else None
        labelled = scores is not None and (
            scores.overall >= self._rules.chosen or scores.overall <= self._rules.rejected
        )
        name = verdict.turn_id
        if verdict.label == self._panel:
            examples.take(name, partition, offset, at_ms, there=labelled, table=table)
        elif labelled and verdict.panel == self._panel.partition("@")[0]:
            # An earlier edition of the panel: what it labelled is not new for being labelled again.
            examples.remember(name, partition, offset, at_ms, table)

    def _hours_for(self, run: TrainingRun | None) -> Hours:
        """When a run may be started, or begin anew. What a person has asked for may at any hour,
        and so may an evaluation go on: its run has started."""
        anytime = run is not None and (run.request or run.state == "evaluating")
        return self._always if anytime else self._hours

    def _retried(self, run: TrainingRun, now_ms: int) -> TrainingRun:
        if run.state == "failed":
            return again(run, now_ms, attempt=run.attempt + 1)
        return advance(run, run.state, now_ms)

    def _resumed(self, now_ms: int, table: Table) -> TrainingRun | None:
        request = book.resume_asked(table)
        run = book.find(request.run, table) if request else None
        if request is None or run is None:
            return None
        return again(run, now_ms, attempt=1, request=request.id)

    def _planned(
        self, request: TrainingRequest | None, now_ms: int, table: Table
    ) -> TrainingRun | None:
        train, read = self._train, examples.read_to(table)
        mark = examples.mark(table)
        name = run_id(mark, train.model, train.method, train.tuning)
        if book.find(name, table) is not None:
            if request is None:
                # Nothing has come but what a run has seen.
                examples.cover(read, table)
                return None
            # A person may want the same once more, with other settings.
            name = run_id(f"{mark} {request.id}", train.model, train.method, train.tuning)
        return TrainingRun(
            id=name,
            state="planned",
            base_model=train.model,
            method=train.method,
            tuning=train.tuning,
            pairs=examples.new(table).number,
            planned_ms=now_ms,
            at_ms=now_ms,
            request=request.id if request else "",
            read=read,
        )
