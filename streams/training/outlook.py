"""What the trigger sees, for who asks beside the running stage: read anew from the topics."""

from __future__ import annotations

import time
from dataclasses import dataclass

from schemas.settings import Settings
from schemas.table import MemoryTable, Table
from schemas.topics import TRAINING
from schemas.training import TrainingRequest, TrainingRun, request_id
from streams.broker import Broker
from streams.flow import Outgoing
from streams.replay.topics import partitions, scan
from streams.stages.train import TrainHandler, make_trigger
from trainer.runs import book, examples
from trainer.runs.trigger import Start


@dataclass(frozen=True, slots=True)
class Outlook:
    """What there is to train on, the runs there were, and when the next may start. Times are epoch
    milliseconds.

    `there` counts the examples, `new` those that no run was planned with. `next` is the next start
    if nothing more comes; `earliest` the first moment at which a run could start once enough is
    new.
    """

    there: int
    new: int
    next: Start | None
    earliest_ms: int
    under_way: TrainingRun | None
    asked: bool
    runs: list[TrainingRun]


async def outlook(broker: Broker, settings: Settings, *, examples_too: bool = True) -> Outlook:
    """Read the topics and return what they say.

    Args:
        examples_too: count what there is to train on; without, only the runs are read.

    Raises:
        BrokerError: the broker is not there.
    """
    trigger = make_trigger(settings)
    handler, table = TrainHandler(trigger), MemoryTable()
    for topic in trigger.topics if examples_too else (TRAINING,):
        for number in range(partitions(broker, topic, settings)):
            async for record in scan(broker, topic, number):
                try:
                    handler.apply(record, table)
                except ValueError:
                    # The stage has put it among the dead letters.
                    continue
    now_ms = _now_ms()
    return _seen(trigger.next_start(table, now_ms), trigger.earliest(now_ms, table), table)


def _seen(start: Start | None, earliest_ms: int, table: Table) -> Outlook:
    return Outlook(
        there=examples.count(table),
        new=examples.new(table).number,
        next=start,
        earliest_ms=earliest_ms,
        under_way=book.under_way(table),
        asked=book.now_asked(table) is not None,
        runs=book.all_runs(table),
    )


async def ask(broker: Broker, request: str, run: str = "") -> None:
    """Put a request on the topic, for the stage to see.

    Raises:
        BrokerError: the broker is not there.
    """
    at_ms = _now_ms()
    record = TrainingRequest.model_validate(
        {"id": request_id(request, run, at_ms), "request": request, "run": run, "at_ms": at_ms}
    )
    await broker.publish([Outgoing(TRAINING, (run or "now").encode(), record.to_bytes())])


def _now_ms() -> int:
    return int(time.time() * 1000)
