"""The rows that axolotl trains on."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from sinks.dataset.axolotl import rendered
from sinks.dataset.rows import texts
from tests.support.tinymodel import TOOLS, labelled, pairs
from trainer.axolotl import rows
from trainer.job import Job
from trainer.refusal import Refusal


def snapshot(folder: Path, count: int = 4, singles: int = 0) -> Path:
    """A snapshot's folder of rendered text, written as a snapshot writes it."""

    def stored(row: dict[str, Any], *sides: str) -> dict[str, Any]:
        return row | {name: texts(row[name]) for name in ("prompt", *sides)}

    def write(kind: str, rows: Iterable[dict[str, Any]]) -> None:
        path = folder / "axolotl" / kind / "train.jsonl"
        path.parent.mkdir(parents=True)
        path.write_text("".join(json.dumps(rendered(row, TOOLS)) + "\n" for row in rows))

    write("pairs", (stored(row, "chosen", "rejected") for row in pairs(count)))
    if singles:
        write("unpaired", (stored(row, "completion") for row in labelled(singles)))
    return folder


def words(text: str) -> int:
    return len(text.split())


def test_a_pair_is_text_with_its_tools_and_ends_with_one_mark(tmp_path: Path) -> None:
    found = rows.read(snapshot(tmp_path), "dpo")
    assert len(found) == 4
    for row in found:
        assert '"name": "lamp"' in row["prompt"]
        assert row["prompt"].endswith("<|im_start|>assistant\n")
        assert "<tool_call>" in row["chosen"]
        assert row["chosen"].endswith("<|im_end|>")
        assert row["chosen"] != row["rejected"]


def test_for_kto_both_sides_of_a_pair_are_rows_beside_the_single_ones(tmp_path: Path) -> None:
    found = rows.read(snapshot(tmp_path, count=3, singles=4), "kto")
    assert len(found) == 2 * 3 + 4
    assert sum(row["label"] for row in found) == 3 + 2
    assert all(set(row) == {"prompt", "completion", "label"} for row in found)


def test_a_snapshot_without_rendered_text_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="clawback pairs snapshot --axolotl"):
        rows.read(tmp_path, "dpo")


def test_a_snapshot_without_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "axolotl").mkdir()
    with pytest.raises(Refusal, match="no rows to train on"):
        rows.read(tmp_path, "dpo")


def test_rows_that_are_too_long_are_left_out_and_named() -> None:
    given = [
        {"prompt": "a b", "chosen": "c", "rejected": "d e"},
        {"prompt": "a b c d", "chosen": "e", "rejected": "f"},
        {"prompt": "a", "chosen": "", "rejected": "b"},
    ]
    kept, counted = rows.fitting(given, "dpo", 4, words)
    assert kept == given[:1]
    assert (counted.rows, counted.kept, counted.longest, counted.tokens) == (3, 1, 4, 7)
    assert [(each.id, each.reason) for each in counted.left_out] == [
        ("row 2", "longer than the limit"),
        ("row 3", "an answer is empty"),
    ]


def test_where_all_are_too_long_the_shortest_is_told() -> None:
    given = [{"prompt": "a b c", "completion": "d", "label": True}]
    with pytest.raises(Refusal, match=r"all 1 have more than 2 tokens; the shortest has 4"):
        rows.fitting(given, "kto", 2, words)


def test_rows_are_written_whole(tmp_path: Path) -> None:
    job = Job(
        run="r",
        method="dpo",
        tuning="lora",
        model="m",
        snapshot=tmp_path,
        output=tmp_path,
    )
    given = [{"prompt": "é", "chosen": "1\n2", "rejected": "\u2028"}]
    rows.write(job, given, "0")
    lines = (tmp_path / "axolotl.jsonl").read_text(encoding="utf-8").split("\n")
    assert [json.loads(line) for line in lines if line] == given
    assert [path.name for path in tmp_path.iterdir()] == ["axolotl.jsonl"]
