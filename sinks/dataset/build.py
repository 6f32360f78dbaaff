"""Making a snapshot of all pairs and all decisions that stand alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson
import pyarrow as pa
from datasets import Features
from jinja2 import Environment, StrictUndefined

from schemas.settings import Pairs
from schemas.table import Table
from sinks.bulk import Bulk, Paired
from sinks.dataset.choose import Chooser, Tick
from sinks.dataset.counts import Counts
from sinks.dataset.draft import DatasetKind
from sinks.dataset.example import Making
from sinks.dataset.features import PAIRS, UNPAIRED
from sinks.dataset.parquet import RowFile
from sinks.dataset.pieces import KEPT_BACK, ROWS, RowAt, Writing, save_tools, write_piece
from sinks.dataset.split import Split
from sinks.dataset.unfinished import remove_stale, work_folder
from sinks.dataset.whole import see_whole, sha256
from sinks.spread import Spread

FORMAT: Final = 2
"""Raised when the same data would give other files."""

SPLITS: Final = ("train", "eval", "test")
PRIVATE_DIRECTORY: Final = 0o700
READ_ONLY: Final = 0o400
LINEAGE: Final = "lineage.json"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A finished snapshot. `fingerprint` is computed from all its files but the lineage."""

    path: Path
    fingerprint: str
    counts: dict[str, Any]
    existed: bool


def build(
    bulk: Bulk,
    paired: Paired,
    rules: Pairs,
    table: Table,
    out: Path,
    lineage: Mapping[str, Any],
    tick: Tick,
    spread: Spread,
    *,
    axolotl: bool = False,
) -> Snapshot:
    """Write a snapshot below `out` and return it.

    It is written beside its place and gets its name at the end, so that one which is there is
    whole. One with the same content is not written again.

    Args:
        bulk: all records.
        paired: all pairs, made by these rules.
        rules: the thresholds and limits.
        table: holds what models were offered (`sinks.offered`); gets what is needed on the way.
        out: the directory of all snapshots.
        lineage: where the records were read from.
        tick: see `sinks.dataset.choose`.
        spread: shares out the making of rows.
        axolotl: also write all rows as rendered text.

    Raises:
        OSError: it can't be written; nothing is left of it.
        DamagedSnapshot: one of the same content was there, and is not as it was written.
    """
    counts = Counts()
    counts.found.update(
        turns=bulk.tally.turns, verdicts=bulk.tally.verdicts, reviews=len(paired.spoken)
    )
    for overall, count in bulk.tally.scores.items():
        counts.scores[round(overall)] += count
    chooser = Chooser(Making(rules, paired, bulk.families), table, counts, tick, spread)
    chooser.choose_pairs()
    chooser.choose_unpaired()
    folder = bulk.shards.folder
    chooser.kept_back.save(folder / KEPT_BACK)
    tools = save_tools(folder, map(chooser.offers.make, chooser.keys))
    out.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
    remove_stale(out)
    work = work_folder(out)
    work.mkdir(mode=PRIVATE_DIRECTORY)
    try:
        kinds: tuple[tuple[DatasetKind, Features], ...] = (("pairs", PAIRS), ("unpaired", UNPAIRED))
        for kind, features in kinds:
            writing = Writing(bulk.shards, kind, features.arrow_schema, axolotl)
            rows = (RowAt(spot, tools[number]) for spot, number in chooser.kept(kind))
            _write(work, writing, rows, counts, spread)
        found = counts.to_json()
        _write_json(work / "tools.json", chooser.offers.of_agents())
        card = _card(work, bulk, rules, found)
        (work / "README.md").write_text(card, encoding="utf-8")
        fingerprint = _manifest(work, bulk.panel, rules, found)
        return _place(work, out, fingerprint, found, lineage)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write(
    work: Path, writing: Writing, rows: Iterator[RowAt], counts: Counts, spread: Spread
) -> None:
    """Put the pieces, which others write, together in their order."""
    pieces = enumerate(iter(lambda: list(islice(rows, ROWS)), []))
    with ExitStack() as stack:
        row_files: dict[Split, RowFile] = {}
        text_files: dict[Split, BinaryIO] = {}
        for piece in spread(partial(write_piece, writing), pieces):
            counts.add(piece.counts)
            for split, path in piece.tables.items():
                if split not in row_files:
                    data = work / "data" / writing.kind / f"{split}.parquet"
                    row_files[split] = stack.enter_context(RowFile(data, writing.schema))
                with pa.ipc.open_file(path) as file:
                    row_files[split].add(file.read_all())
                path.unlink()
            for split, path in piece.texts.items():
                if split not in text_files:
                    text = work / "axolotl" / writing.kind / f"{split}.jsonl"
                    text.parent.mkdir(parents=True, exist_ok=True)
                    text_files[split] = stack.enter_context(text.open("wb"))
                text_files[split].write(path.read_bytes())
                path.unlink()


def _card(work: Path, bulk: Bulk, rules: Pairs, counts: Mapping[str, Any]) -> str:
    source = files("sinks.dataset").joinpath("card.md.j2").read_text(encoding="utf-8")
    template = Environment(undefined=StrictUndefined, keep_trailing_newline=True).from_string(
        source
    )
    written = {
        kind: [split for split in SPLITS if (work / "data" / kind / f"{split}.parquet").exists()]
        for kind in ("pairs", "unpaired")
    }
    return template.render(
        files={kind: splits for kind, splits in written.items() if splits},
        splits=SPLITS,
        path="this directory",
        panel=bulk.panel,
        rules=rules,
        counts=counts,
        judges=[orjson.loads(judge) for judge in sorted(bulk.tally.judges)],
        tables={
            "How pairs were found": counts["strategies"],
            "Margins of pairs (points)": counts["margins"],
            "Lengths (a model learns them, too)": counts["length_bias"],
            "Looked at by a person": counts["reviewed"],
            "Labels of single decisions": counts["labels"],
            "Where the schemas of tools are from (rows)": counts["tools"],
            "Scores of all turns (overall)": counts["scores"],
            "Pairs left out": counts["dropped"].get("pairs"),
            "Single decisions left out": counts["dropped"].get("unpaired"),
            "Redactions in the rows": counts["redactions"],
            "Turns, verdicts of the panel, reviewed pairs (each once)": counts["found"],
        },
    )


def _manifest(work: Path, panel: str, rules: Pairs, counts: Mapping[str, Any]) -> str:
    """Write the manifest and return the fingerprint."""
    digests = {
        str(path.relative_to(work)): sha256(path)
        for path in sorted(work.rglob("*"))
        if path.is_file()
    }
    manifest = {
        "format": FORMAT,
        "panel": panel,
        "rules": rules.model_dump(mode="json"),
        "counts": counts,
        "sha256": digests,
    }
    _write_json(work / "manifest.json", manifest)
    return sha256(work / "manifest.json")[:16]


def _place(
    work: Path,
    out: Path,
    fingerprint: str,
    counts: dict[str, Any],
    lineage: Mapping[str, Any],
) -> Snapshot:
    path = out / fingerprint
    if path.exists():
        see_whole(path, work)
        return Snapshot(path, fingerprint, counts, existed=True)
    _write_json(work / LINEAGE, lineage)
    for file in work.rglob("*"):
        if file.is_file():
            file.chmod(READ_ONLY)
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
    work.rename(path)
    return Snapshot(path, fingerprint, counts, existed=False)


def _write_json(path: Path, value: Any) -> None:
    path.write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
