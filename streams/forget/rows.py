"""Whether a snapshot holds what is forgotten among the rows that are trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from schemas.training import TrainingRun
from streams.forget.find import Found
from streams.forget.target import Target

KINDS: Final = {"dpo": ("pairs",), "kto": ("pairs", "unpaired")}
"""The rows that each method learns from."""


def holds(snapshot: Path, method: str, target: Target, found: Found) -> bool | None:
    """Return whether rows of a snapshot's training split go.

    Args:
        snapshot: its directory, see `sinks.dataset.build`.
        method: of the run that trained on it.
        target: what is forgotten.
        found: what goes with it.

    Returns:
        None where that can't be told: the snapshot is gone, or nothing here can read it.
    """
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        return None
    if not (snapshot / "manifest.json").exists():
        return None
    for kind in KINDS[method]:
        file = snapshot / "data" / kind / "train.parquet"
        if not file.exists():
            continue
        goes = found.pairs if kind == "pairs" else found.turns
        try:
            with parquet.ParquetFile(file) as rows:
                for batch in rows.iter_batches(columns=["id", "sessions"]):
                    if not goes.isdisjoint(batch["id"].to_pylist()):
                        return True
                    if target.kind == "session" and any(
                        target.given in sessions for sessions in batch["sessions"].to_pylist()
                    ):
                        return True
        except (OSError, ValueError, KeyError):
            return None
    return False


def saw(run: TrainingRun, snapshots: Path, target: Target, found: Found) -> bool | None:
    """Return whether a run trained on rows that go, or None where that can't be told."""
    return holds(snapshots / run.snapshot, run.method, target, found) if run.snapshot else None
