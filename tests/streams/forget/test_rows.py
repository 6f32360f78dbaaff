"""Which snapshots hold what goes, by their rows."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from schemas.training import TrainingRun
from streams.forget.find import Found
from streams.forget.rows import holds, saw
from streams.forget.target import Target

SESSION = Target("session", "alpha")
TEXT = Target("text", "Zanzibar")


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """A snapshot with one pair of two sessions and one labelled decision; one is kept back."""
    folder = tmp_path / "f00d"
    rows = {
        "pairs/train": ("pair-1", ["alpha", "beta"]),
        "pairs/eval": ("pair-2", ["gamma"]),
        "unpaired/train": ("turn-1", ["delta"]),
    }
    for place, (name, sessions) in rows.items():
        file = folder / "data" / f"{place}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(pa.table({"id": [name], "sessions": [sessions]}), file)
    (folder / "manifest.json").write_text("{}")
    return folder


@pytest.mark.parametrize(
    ("method", "target", "found", "expected"),
    [
        ("dpo", SESSION, Found(), True),
        ("dpo", Target("session", "gamma"), Found(), False),
        ("dpo", TEXT, Found(pairs={"pair-1"}), True),
        ("dpo", TEXT, Found(pairs={"pair-2"}), False),
        ("dpo", TEXT, Found(turns={"turn-1"}), False),
        ("kto", TEXT, Found(turns={"turn-1"}), True),
        ("kto", TEXT, Found(pairs={"pair-1"}), True),
        ("kto", TEXT, Found(), False),
    ],
)
def test_only_rows_that_were_trained_on_count(
    snapshot: Path, method: str, target: Target, found: Found, expected: bool
) -> None:
    assert holds(snapshot, method, target, found) is expected


def test_of_a_snapshot_that_is_gone_or_damaged_nothing_is_said(snapshot: Path) -> None:
    assert holds(snapshot.with_name("gone"), "dpo", SESSION, Found()) is None
    (snapshot / "data/pairs/train.parquet").write_bytes(b"no parquet")
    assert holds(snapshot, "dpo", SESSION, Found()) is None


def test_a_run_without_a_snapshot_is_not_known_to_have_seen_anything(snapshot: Path) -> None:
    run = TrainingRun(id="r", state="running", base_model="qwen", method="dpo", pairs=1)
    assert saw(run, snapshot.parent, SESSION, Found()) is None
    assert saw(run.model_copy(update={"snapshot": "f00d"}), snapshot.parent, SESSION, Found())
