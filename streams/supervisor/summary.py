"""What a run has brought, said at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from streams.embedded.log import Log

_ORDER = ("scored", "ensemble_disagreement", "incomplete", "skipped")


def summary(log: Log, prefix: str, output: Path, since: float) -> list[str]:
    """Return lines that count all the log holds, and the files written since (epoch seconds)."""
    turns = {value["id"] for value in _values(log, f"{prefix}.turns")}
    # The newest revision of a verdict is the last one.
    verdicts = {value["id"]: value["status"] for value in _values(log, f"{prefix}.verdicts")}
    pairs = {value["id"] for value in _values(log, f"{prefix}.pairs")}
    resolved = {
        value["id"]: value.get("resolved", False) for value in _values(log, f"{prefix}.deadletters")
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


def _values(log: Log, name: str) -> Iterator[dict[str, Any]]:
    topic = log.topic(name)
    for number in range(topic.partitions if topic else 0):
        offset = 0
        while records := log.read(name, number, offset, max_bytes=1 << 20):
            for record in records:
                if record.value is not None:
                    yield orjson.loads(record.value)
            offset = records[-1].offset + 1
