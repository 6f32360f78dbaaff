"""The held-out rows of a snapshot, and the prompts that are put to the models."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from trainer.gate.evidence import Split, cluster_of
from trainer.gate.records import PromptRecord

SPLITS: Final[tuple[Split, ...]] = ("eval", "test")
_MESSAGES: Final = ("prompt", "chosen", "rejected", "tools")


class HeldOut(BaseModel):
    """A held-out pair with its texts, in the chat format."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    split: Split
    cluster: str
    prompt: list[dict[str, Any]]
    chosen: list[dict[str, Any]]
    rejected: list[dict[str, Any]]
    tools: list[dict[str, Any]]


def held_out(snapshot: Path) -> list[HeldOut]:
    """Return the pairs of the splits that are kept back.

    Raises:
        FileNotFoundError: there is no snapshot at that place.
    """
    if not snapshot.is_dir():
        raise FileNotFoundError(f"there is no snapshot at {snapshot}")
    rows = [
        {"split": split, **row}
        for split in SPLITS
        if (path := snapshot / "data" / "pairs" / f"{split}.parquet").exists()
        for row in _read(path)
    ]
    clusters = cluster_of((row["id"], row["sessions"]) for row in rows)
    return [HeldOut.model_validate({**row, "cluster": clusters[row["id"]]}) for row in rows]


def choose_prompts(rows: Sequence[HeldOut], most: int, seed: int) -> list[PromptRecord]:
    """Return at most so many different prompts, spread over as many clusters as can be.

    They stand in the order in which judges are asked: clusters shuffled, the prompts of each
    together. The same rows give the same choice.
    """
    seen: set[str] = set()
    by_cluster: dict[str, list[HeldOut]] = {}
    for row in sorted(rows, key=lambda row: _shuffled(row.id, seed)):
        text = json.dumps([row.prompt, row.tools], sort_keys=True)
        if text not in seen:
            seen.add(text)
            by_cluster.setdefault(row.cluster, []).append(row)
    order = sorted(by_cluster, key=lambda cluster: _shuffled(cluster, seed))
    share = dict.fromkeys(order, 0)
    left = most
    while left > 0 and (open_ := [c for c in order if share[c] < len(by_cluster[c])]):
        for cluster in open_[:left]:
            share[cluster] += 1
        left -= len(open_)
    return [
        PromptRecord(
            id=row.id,
            cluster=cluster,
            prompt=tuple(row.prompt),
            tools=tuple(row.tools),
            due=any(message.get("tool_calls") for message in row.chosen),
        )
        for cluster in order
        for row in by_cluster[cluster][: share[cluster]]
    ]


def _read(path: Path) -> Iterator[dict[str, Any]]:
    from pyarrow import parquet

    for row in parquet.read_table(path, columns=["id", "sessions", *_MESSAGES]).to_pylist():
        yield {**row, **{name: _objects(row, name) for name in _MESSAGES}}


def _objects(row: Mapping[str, Any], name: str) -> list[Any]:
    return [json.loads(text) if isinstance(text, str) else text for text in row[name] or ()]


def _shuffled(name: str, seed: int) -> bytes:
    return blake2b(name.encode(), key=seed.to_bytes(8, "big"), digest_size=8).digest()
