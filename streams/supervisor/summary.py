"""What a run has brought, said at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson

from streams.status.flow import Topics

_ORDER = ("scored", "ensemble_disagreement", "incomplete", "skipped")


async def summary(broker: Topics, output: Path, since: float) -> list[str]:
    """Return lines that count all that is on the topics, and the files written since (epoch
    seconds).

    Raises:
        BrokerError: the broker does not answer.
    """
    turns = {value["id"] async for value in _values(broker, "turns")}
    # The newest revision of a verdict is the last one.
    verdicts = {value["id"]: value["status"] async for value in _values(broker, "verdicts")}
    pairs = {value["id"] async for value in _values(broker, "pairs")}
    resolved = {
        value["id"]: value.get("resolved", False) async for value in _values(broker, "deadletters")
    }
    letters = [name for name, done in resolved.items() if not done]
    counted = Counter(verdicts.values())
    by_status = ", ".join(
        f"{counted[status]} {status.replace('_', ' ')}" for status in _ORDER if counted[status]
    )
    lines = [
        f"{len(turns)} turns, {len(verdicts)} verdicts{f' ({by_status})' if by_status else ''}, "
        f"{len(pairs)} pairs, {len(letters)} dead letters"
    ]
    files = written(output, since)
    lines += [f"  wrote {path}" for path in files] or ["  no file was written"]
    return lines


def written(output: Path, since: float) -> list[Path]:
    """Return the files of turns/ and pairs/ that changed since then."""
    return sorted(
        path
        for folder in ("turns", "pairs")
        for path in (output / folder).glob("*.jsonl")
        if path.stat().st_mtime >= since
    )


async def _values(broker: Topics, topic: str) -> AsyncIterator[dict[str, Any]]:
    count = (await broker.topics()).get(topic, 0)
    bounds = await broker.bounds([(topic, number) for number in range(count)])
    for (_, number), (start, stop) in bounds.items():
        at = start
        while records := await broker.read(topic, number, at, stop):
            for record in records:
                if record.value is not None:
                    yield orjson.loads(record.value)
            at = records[-1].offset + 1
