"""Making a snapshot from a table that holds all pairs (`sinks.bulk`)."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import orjson
from datasets import Features
from jinja2 import Environment, StrictUndefined
from pydantic_core import from_json

from schemas.settings import Pairs
from schemas.table import Table
from sinks import known
from sinks.bulk import Tick
from sinks.dataset.axolotl import TextFile
from sinks.dataset.choose import KEEP, Chooser
from sinks.dataset.counts import Counts
from sinks.dataset.example import DatasetKind, Kept
from sinks.dataset.offers import Offers
from sinks.dataset.parquet import PAIRS, UNPAIRED, RowFile
from sinks.dataset.split import KeptBack
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
    table: Table,
    out: Path,
    panel: str,
    rules: Pairs,
    lineage: Mapping[str, Any],
    counts: Counts,
    tick: Tick,
    spread: Spread,
    *,
    axolotl: bool = False,
) -> Snapshot:
    """Write a snapshot below `out` and return it.

    It is written beside its place and gets its name at the end, so that one which is there is
    whole. One with the same content is not written again.

    Args:
        table: holds all pairs; gets what is needed on the way.
        out: the directory of all snapshots.
        panel: whose scores count, by its label.
        rules: the thresholds and limits.
        lineage: where the records were read from.
        counts: what was counted while they were read.
        tick: see `sinks.bulk`.
        spread: shares out the making of rows.
        axolotl: also write all rows as rendered text.

    Raises:
        OSError: it can't be written; nothing is left of it.
    """
    chooser = Chooser(rules, table, counts, tick, spread)
    chooser.choose_pairs()
    chooser.choose_unpaired(panel)
    offers, kept_back = Offers(table, chooser.tools), chooser.kept_back
    out.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
    work = out / f".making-{os.getpid()}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=PRIVATE_DIRECTORY)
    try:
        _write(work, "pairs", PAIRS, offers, table, kept_back, counts, axolotl)
        _write(work, "unpaired", UNPAIRED, offers, table, kept_back, counts, axolotl)
        found = counts.to_json()
        _write_json(work / "tools.json", offers.of_agents())
        (work / "README.md").write_text(_card(work, panel, rules, found, table), encoding="utf-8")
        fingerprint = _manifest(work, panel, rules, found)
        return _place(work, out, fingerprint, found, lineage)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write(
    work: Path,
    kind: DatasetKind,
    features: Features,
    offers: Offers,
    table: Table,
    kept_back: KeptBack,
    counts: Counts,
    axolotl: bool,
) -> None:
    with ExitStack() as stack:
        row_files: dict[str, RowFile] = {}
        text_files: dict[str, TextFile] = {}
        for _, stored in table.scan(KEEP[kind]):
            kept = Kept.from_bytes(stored)
            split = kept.split
            if kept_back.leaks(split, kept.sketch):
                counts.dropped[kind]["nearly the same as one kept back"] += 1
                continue
            if split not in row_files:
                path = work / "data" / kind / f"{split}.parquet"
                row_files[split] = stack.enter_context(RowFile(path, features))
                if axolotl:
                    path = work / "axolotl" / kind / f"{split}.jsonl"
                    text_files[split] = stack.enter_context(TextFile(path))
            row = from_json(kept.row)
            tools = offers.for_row(kept.agent, kept.session, row["started_ms"], kept.tools)
            row |= {"tools": tools.texts, "tools_source": tools.source}
            row_files[split].add(row)
            if axolotl:
                text_files[split].add(row, tools.schemas)
            if kind == "pairs":
                counts.pair(split, row, kept.lengths)
            else:
                counts.unpaired(split, row)


def _card(work: Path, panel: str, rules: Pairs, counts: Mapping[str, Any], table: Table) -> str:
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
        panel=panel,
        rules=rules,
        counts=counts,
        judges=known.judges_of(panel, table),
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
            "Records read": counts["records"],
        },
    )


def _manifest(work: Path, panel: str, rules: Pairs, counts: Mapping[str, Any]) -> str:
    """Write the manifest and return the fingerprint."""
    digests = {
        str(path.relative_to(work)): _sha256(path)
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
    return _sha256(work / "manifest.json")[:16]


def _place(
    work: Path,
    out: Path,
    fingerprint: str,
    counts: dict[str, Any],
    lineage: Mapping[str, Any],
) -> Snapshot:
    path = out / fingerprint
    if path.exists():
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


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
