"""What a panel lacks: which judge has not judged which of the selected turns."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from agents.ensemble import Edition, Pin
from schemas.settings import Settings
from schemas.topics import CANDIDATES, JUDGEMENTS, VERDICTS
from streams.broker import Broker
from streams.replay.rates import Meter, Rate, calibrated
from streams.replay.select import Selection
from streams.replay.topics import partitions, scan

OFFSET_BITS = 48
"""A place among the candidates is one number: the partition above the offset."""


@dataclass(slots=True)
class Work:
    """One judge's part: how many of its judgements are there, and where those turns stand that it
    lacks. `rate` is None while it has judged nothing, not even in a calibration."""

    pin: Pin
    concurrency: int
    kind: str
    reused: int = 0
    missing: array[int] = field(default_factory=lambda: array("Q"))
    rate: Rate | None = None


@dataclass(slots=True)
class Plan:
    """What is to be done for an edition.

    `ends` freeze the candidates that it is about: by partition, the offset behind the last one.
    `heard` is by partition how far the judgements were read.
    """

    edition: Edition
    ends: Mapping[int, int]
    candidates: int = 0
    selected: int = 0
    works: list[Work] = field(default_factory=list)
    heard: dict[int, int] = field(default_factory=dict)

    @property
    def calls(self) -> int:
        """How many judgements are to be made."""
        return sum(len(work.missing) for work in self.works)


async def make_plan(
    broker: Broker,
    settings: Settings,
    edition: Edition,
    selection: Selection,
    *,
    fed_by: str,
    ends: Mapping[int, int] | None = None,
) -> Plan:
    """Read the topics and return what is missing.

    One partition is held in memory at a time: some 100 bytes for each of its turns.

    Args:
        broker: where the topics are.
        settings: tell how many turns each judge takes at a time.
        edition: the panel that is to have verdicts.
        selection: the turns that it is to have them on.
        fed_by: the label of the panel whose verdicts ``--where`` means.
        ends: of an earlier plan, to be about the same candidates.

    Raises:
        BrokerError: the broker is not there.
    """
    count = partitions(broker, CANDIDATES, settings)
    if ends is None:
        ends = {number: await broker.end(CANDIDATES, number) for number in range(count)}
    configured = {judge.name: judge for judge in settings.judges}
    plan = Plan(edition, ends)
    meters: list[Meter] = []
    for name in edition.panel.judges:
        judge = configured[name]
        concurrency = getattr(judge, "concurrency", 1)
        plan.works.append(Work(edition.pins[name], concurrency, judge.kind))
        meters.append(Meter())
    for number in range(count):
        plan.heard[number] = await broker.end(JUDGEMENTS, number)
        answered = await _answered(broker, number, plan.heard[number], plan.works, meters)
        verdicts = await _verdicts(broker, number, fed_by) if selection.needs_verdicts else {}
        await _select(broker, number, plan, selection, answered, verdicts)
    for work, meter in zip(plan.works, meters, strict=True):
        work.rate = meter.rate() or calibrated(settings.paths.home, work.pin)
    return plan


async def _answered(
    broker: Broker, partition: int, stop: int, works: Sequence[Work], meters: Sequence[Meter]
) -> dict[bytes, int]:
    """Return by turn which of the judges have judged it: the bit of each one's index."""
    index = {
        (work.pin.judge, work.pin.model, work.pin.rubric): number
        for number, work in enumerate(works)
    }
    answered: dict[bytes, int] = {}
    async for record in scan(broker, JUDGEMENTS, partition, 0, stop):
        value = load(record.value)
        if value is None:
            continue
        number = index.get(
            (str(value.get("judge")), str(value.get("model")), str(value.get("rubric")))
        )
        if number is not None:
            turn = turn_key(value["turn_id"])
            answered[turn] = answered.get(turn, 0) | 1 << number
            meters[number].take(value)
    return answered


async def _verdicts(broker: Broker, partition: int, label: str) -> dict[bytes, dict[str, Any]]:
    found: dict[bytes, dict[str, Any]] = {}
    async for record in scan(broker, VERDICTS, partition):
        value = load(record.value)
        if value is None or _label(value) != label:
            continue
        turn = turn_key(value["turn_id"])
        if turn not in found or found[turn]["revision"] <= value["revision"]:
            kept = ("revision", "status", "spread", "scores")
            found[turn] = {name: value.get(name) for name in kept}
    return found


async def _select(
    broker: Broker,
    partition: int,
    plan: Plan,
    selection: Selection,
    answered: dict[bytes, int],
    verdicts: Mapping[bytes, Mapping[str, Any]],
) -> None:
    seen: set[bytes] = set()
    async for record in scan(broker, CANDIDATES, partition, 0, plan.ends.get(partition, 0)):
        turn = turn_key((record.key or b"").decode("ascii", "replace"))
        if turn in seen:
            continue
        seen.add(turn)
        plan.candidates += 1
        if selection.needs_turns:
            value = load(record.value)
            # What can't be read is a dead letter of the judges' stages.
            if value is None or not selection.takes(value, verdicts.get(turn)):
                continue
        plan.selected += 1
        have = answered.get(turn, 0)
        for number, work in enumerate(plan.works):
            if have >> number & 1:
                work.reused += 1
            else:
                work.missing.append(partition << OFFSET_BITS | record.offset)


def load(value: bytes | None) -> dict[str, Any] | None:
    """Return a record's value as JSON, or None if it is no object."""
    try:
        found = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def turn_key(turn_id: str) -> bytes:
    """Return a turn id in half its size; one that is no hexadecimal number as it is."""
    try:
        return bytes.fromhex(turn_id)
    except ValueError:
        return turn_id.encode()


def _label(verdict: Mapping[str, Any]) -> str:
    edition = verdict.get("edition")
    return f"{verdict.get('panel')}@{edition}" if edition else str(verdict.get("panel"))
