"""The limit: the join as a plain loop over a file, with nothing that makes it durable."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import orjson

from tests.benchmarks.rejoin.stored import JUDGES, judgements


def write(path: Path, turns: int) -> None:
    """Put the judgements into a file, one a line."""
    with path.open("wb") as file:
        file.writelines(value + b"\n" for _, value in judgements(turns))


def plain(path: Path) -> float:
    """Join in a dictionary and return the seconds that took."""
    began = time.perf_counter()
    windows: dict[str, list[dict[str, Any]]] = {}
    with path.open("rb") as file:
        for line in file:
            judgement = orjson.loads(line)
            window = windows.setdefault(judgement["turn_id"], [])
            window.append(judgement)
            if len(window) == len(JUDGES):
                orjson.dumps(_verdict(windows.pop(judgement["turn_id"])))
    return time.perf_counter() - began


def _verdict(window: list[dict[str, Any]]) -> dict[str, Any]:
    scores = [each["scores"] for each in window]
    overall = [each["overall"] for each in scores]
    apart = max(overall) - min(overall)
    return {
        "turn_id": window[0]["turn_id"],
        "status": "ensemble_disagreement" if apart > 3 else "scored",
        "scores": {name: statistics.median(each[name] for each in scores) for name in scores[0]},
        "spread": apart,
        "opinions": window,
    }
