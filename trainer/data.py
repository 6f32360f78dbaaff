"""A snapshot's rows, as the trainers take them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from trainer.exact import read_exactly
from trainer.refusal import Refusal

SPLIT: Final = "train"


def preferences(snapshot: Path, cache: Path) -> Any:
    """Return the pairs to train on: ``id, prompt, chosen, rejected, tools``.

    Args:
        snapshot: its directory.
        cache: where `datasets` keeps its files; all ranks of a host use the same.

    Raises:
        Refusal: there are none.
    """
    found = _read(snapshot, "pairs", cache)
    if found is None:
        raise Refusal(f"the snapshot {snapshot} has no pairs to train on")
    return found.select_columns(["id", "prompt", "chosen", "rejected", "tools"])


def labelled(snapshot: Path, cache: Path) -> Any:
    """Return all answers with a label: ``id, prompt, completion, label, tools``.

    They are the single ones, and both sides of each pair, as ``<id>:chosen`` and
    ``<id>:rejected``.

    Raises:
        Refusal: there are none.
    """
    from datasets import concatenate_datasets

    parts = []
    pairs = _read(snapshot, "pairs", cache)
    if pairs is not None:
        parts += [_side(pairs, "chosen", label=True), _side(pairs, "rejected", label=False)]
    single = _read(snapshot, "unpaired", cache)
    if single is not None:
        parts.append(single.select_columns(["id", "prompt", "completion", "tools", "label"]))
    if not parts:
        raise Refusal(f"the snapshot {snapshot} has no answers to train on")
    return concatenate_datasets(parts)


def _side(pairs: Any, side: str, *, label: bool) -> Any:
    rows = pairs.select_columns(["id", "prompt", side, "tools"]).rename_column(side, "completion")
    names = [f"{identity}:{side}" for identity in rows["id"]]
    return (
        rows.remove_columns("id")
        .add_column("id", names)
        .add_column("label", [label] * len(names))
        .select_columns(["id", "prompt", "completion", "tools", "label"])
    )


def _read(snapshot: Path, kind: str, cache: Path) -> Any:
    from datasets import load_dataset

    path = snapshot / "data" / kind / f"{SPLIT}.parquet"
    if not snapshot.is_dir():
        raise Refusal(f"there is no snapshot at {snapshot}")
    if not path.exists():
        return None
    read_exactly()
    # The messages' type is in the file, so no struct is made of them and filled up with nulls.
    return load_dataset("parquet", data_files={SPLIT: str(path)}, cache_dir=str(cache))[SPLIT]
