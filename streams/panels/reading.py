"""What panels have said, as the topics have it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

import orjson
from pydantic import ValidationError

from schemas.settings import Settings
from schemas.topics import CANDIDATES, VERDICTS
from schemas.verdict import Verdict
from sinks.winner import VerdictRank, verdict_rank
from streams.broker import Broker
from streams.panels.classes import Class, Said, said
from streams.panels.compare import Comparison
from streams.replay.topics import partitions, scan


async def compare(broker: Broker, settings: Settings, a: str, b: str) -> Comparison:
    """Compare two panels over all turns. One partition's verdicts are held at a time.

    Args:
        broker: where the verdicts are.
        settings: the thresholds that make classes.
        a: the first panel's label.
        b: the second one's.

    Raises:
        BrokerError: the broker is not there.
    """
    found = Comparison(a, b)
    for number in range(partitions(broker, VERDICTS, settings)):
        latest = await _latest(broker, number, settings, frozenset((a, b)))
        for turn_id, by_label in sorted(latest.items()):
            found.take(turn_id, *(_said(by_label, label) for label in (a, b)))
    found.changes.sort(key=lambda change: (change.before, change.after, change.turn_id))
    return found


async def counts(broker: Broker, settings: Settings) -> dict[str, Counter[Class]]:
    """Return for each panel's label how many turns are in each class.

    Raises:
        BrokerError: the broker is not there.
    """
    found: defaultdict[str, Counter[Class]] = defaultdict(Counter)
    for number in range(partitions(broker, VERDICTS, settings)):
        for by_label in (await _latest(broker, number, settings, None)).values():
            for label, (_, told) in by_label.items():
                found[label][told.kind] += 1
    return dict(found)


async def requests(broker: Broker, settings: Settings, turn_ids: frozenset[str]) -> dict[str, str]:
    """Return the words of the turns' requests; those that can't be found are left out.

    Raises:
        BrokerError: the broker is not there.
    """
    wanted = {turn_id.encode() for turn_id in turn_ids}
    found: dict[str, str] = {}
    if not wanted:
        return found
    for number in range(partitions(broker, CANDIDATES, settings)):
        async for record in scan(broker, CANDIDATES, number):
            if record.key in wanted and record.value:
                turn = orjson.loads(record.value)
                found[turn["id"]] = str(turn.get("request", ""))
    return found


async def _latest(
    broker: Broker, partition: int, settings: Settings, labels: frozenset[str] | None
) -> dict[str, dict[str, tuple[VerdictRank, Said]]]:
    """Return by turn and label what counts of a partition's verdicts; None takes all labels."""
    latest: dict[str, dict[str, tuple[VerdictRank, Said]]] = {}
    async for record in scan(broker, VERDICTS, partition):
        try:
            verdict = Verdict.from_bytes(record.value or b"")
        except ValidationError:
            # It is a dead letter of the sinks.
            continue
        if labels is not None and verdict.label not in labels:
            continue
        by_label = latest.setdefault(verdict.turn_id, {})
        rank = verdict_rank(verdict, record.value or b"")
        if verdict.label not in by_label or by_label[verdict.label][0] < rank:
            by_label[verdict.label] = (rank, said(verdict, settings.pairs))
    return latest


def _said(by_label: Mapping[str, tuple[VerdictRank, Said]], label: str) -> Said | None:
    return by_label[label][1] if label in by_label else None
