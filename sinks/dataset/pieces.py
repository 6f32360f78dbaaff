"""Rows as they are written, a piece of the file at a time: leaks left out, tools put in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
import pyarrow as pa
from pydantic_core import from_json

from sinks.bulk import FrameWriter, Shards, Spot, SpotReader
from sinks.dataset.axolotl import rendered
from sinks.dataset.counts import Counts
from sinks.dataset.draft import DatasetKind
from sinks.dataset.example import Kept
from sinks.dataset.keptback import index_in
from sinks.dataset.offers import Offered
from sinks.dataset.parquet import table_of
from sinks.dataset.rows import Row, texts
from sinks.dataset.split import Split

ROWS: Final = 2_000
"""Rows of a piece."""

LEAKS: Final = "nearly the same as one kept back"
KEPT_BACK: Final = "kept-back"
TOOLS: Final = "tools"
_PIECES: Final = "pieces"


@dataclass(frozen=True)
class Writing:
    """How the rows of a kind are written. What is kept back stands in the shards' folder under
    `KEPT_BACK`."""

    shards: Shards
    kind: DatasetKind
    schema: pa.Schema
    axolotl: bool


class RowAt(NamedTuple):
    """Where a row stands, and its tools."""

    row: Spot
    tools: Spot


class Piece(NamedTuple):
    """A piece of the rows of a kind, by split: a file of Arrow's IPC format, and one of rendered
    texts if they are asked for."""

    counts: Counts
    tables: dict[Split, Path]
    texts: dict[Split, Path]


class _Tools(NamedTuple):
    """The tools of a row: as they are, each as JSON, and where they come from."""

    schemas: list[Any]
    texts: list[str]
    source: str


def save_tools(folder: Path, made: Iterable[Offered]) -> list[Spot]:
    """Write tools of rows and return where they stand."""
    with FrameWriter(folder) as writer:
        return [writer.add(TOOLS, None, orjson.dumps(tuple(each))) for each in made]


def write_piece(writing: Writing, piece: tuple[int, Sequence[RowAt]]) -> Piece:
    """Write the rows at these places, in their order."""
    number, places = piece
    folder = writing.shards.folder
    counts = Counts()
    rows: dict[Split, list[Row]] = {}
    lines: dict[Split, list[bytes]] = {}
    with SpotReader(folder) as reader:
        kept = [Kept.from_bytes(reader.read(each.row)) for each in places]
    leaks = index_in(folder / KEPT_BACK).leaks([(each.split, each.sketch) for each in kept])
    for each, place, leaking in zip(kept, places, leaks, strict=True):
        if leaking:
            counts.dropped[writing.kind][LEAKS] += 1
            continue
        tools = _tools(folder, place.tools)
        row = from_json(each.row) | {"tools": tools.texts, "tools_source": tools.source}
        rows.setdefault(each.split, []).append(row)
        if writing.axolotl:
            said = orjson.dumps(rendered(row, tools.schemas)) + b"\n"
            lines.setdefault(each.split, []).append(said)
        if writing.kind == "pairs":
            counts.pair(each.split, row, each.lengths)
        else:
            counts.unpaired(each.split, row)
    place_of = folder / _PIECES / writing.kind
    place_of.mkdir(parents=True, exist_ok=True)
    tables: dict[Split, Path] = {}
    for split, found in rows.items():
        tables[split] = place_of / f"{number}-{split}.arrow"
        with pa.ipc.new_file(tables[split], writing.schema) as file:
            file.write_table(table_of(found, writing.schema))
    written: dict[Split, Path] = {}
    for split, texts_ in lines.items():
        written[split] = place_of / f"{number}-{split}.jsonl"
        written[split].write_bytes(b"".join(texts_))
    return Piece(counts, tables, written)


@lru_cache(maxsize=256)
def _tools(folder: Path, spot: Spot) -> _Tools:
    with SpotReader(folder) as reader:
        schemas, source = orjson.loads(reader.read(spot))
    return _Tools(schemas, texts(schemas), source)
