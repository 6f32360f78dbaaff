"""Topics and a trigger that reads them: a stage without a broker, which can crash."""

from __future__ import annotations

import copy
from collections import defaultdict
from dataclasses import dataclass, field
from random import Random

from schemas.settings import Pairs, Train
from schemas.table import MemoryTable
from schemas.topics import PAIRS, TRAINING
from schemas.training import TrainingRequest, TrainingRun, request_id
from trainer.runs import book
from trainer.runs.trigger import Trigger

PARTITIONS = 3
PANEL = "default@1f0c22ab"
Place = tuple[str, int]


@dataclass
class Topics:
    """Records by topic and partition, each with its time, key and value."""

    records: defaultdict[Place, list[tuple[int, bytes, bytes | None]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def put(self, topic: str, key: str, value: bytes | None, at_ms: int = 0) -> None:
        partition = sum(key.encode()) % PARTITIONS
        self.records[topic, partition].append((at_ms, key.encode(), value))

    def pair(self, name: str, at_ms: int = 0) -> None:
        self.put(PAIRS, name, b"{}", at_ms)

    def gone(self, name: str, at_ms: int = 0) -> None:
        self.put(PAIRS, name, None, at_ms)

    def run(self, run: TrainingRun) -> None:
        self.put(TRAINING, run.id, run.to_bytes(), run.at_ms)

    def ask(self, request: str, run: str = "", at_ms: int = 0) -> str:
        name = request_id(request, run, at_ms)
        asked = TrainingRequest.model_validate(
            {"id": name, "request": request, "run": run, "at_ms": at_ms}
        )
        self.put(TRAINING, run or "now", asked.to_bytes(), at_ms)
        return name


class Worker:
    """Reads topics into a table, and decides when it has read all."""

    def __init__(self, topics: Topics, train: Train, dice: Random | None = None) -> None:
        self.topics = topics
        self.trigger = Trigger(train, PANEL, Pairs())
        self.table = MemoryTable()
        self._dice = dice or Random(0)
        self._offsets: dict[Place, int] = {}
        self._kept = (MemoryTable(), dict[Place, int]())

    def read(self) -> None:
        """Read all there is, partition beside partition in any order."""
        while ready := [
            place
            for place, records in sorted(self.topics.records.items())
            if self._offsets.get(place, 0) < len(records) and place[0] in self.trigger.topics
        ]:
            place = self._dice.choice(ready)
            offset = self._offsets.get(place, 0)
            at_ms, key, value = self.topics.records[place][offset]
            self.trigger.take(*place, offset, at_ms, key, value, self.table)
            self._offsets[place] = offset + 1

    def look(self, now_ms: int, *, dies: str = "") -> list[TrainingRun]:
        """Start what is due, and return it. It may die before or after it has published that."""
        self.read()
        started = self.trigger.start(now_ms, self.table)
        if dies != "before":
            for run in started:
                self.topics.run(run)
        if dies:
            self.crash()
        else:
            self.commit()
        return started

    def commit(self) -> None:
        """Make the table durable as it is."""
        self._kept = copy.deepcopy((self.table, self._offsets))

    def crash(self, *, lost: bool = False) -> None:
        """Go back to what was durable, or to nothing."""
        if lost:
            self._kept = (MemoryTable(), {})
        self.table, self._offsets = copy.deepcopy(self._kept)

    def under_way(self) -> TrainingRun | None:
        self.read()
        return book.under_way(self.table)
