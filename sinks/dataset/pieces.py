"""Rows as they are written, a piece of the file at a time: leaks left out, tools put in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
import pyarrow as pa
from pydantic_core import from_json

from sinks.bulk import Shards, Spot, SpotReader
from sinks.dataset.axolotl import rendered
from sinks.dataset.counts import Counts
from sinks.dataset.example import DatasetKind, Kept
from sinks.dataset.keptback import index_in
from sinks.dataset.parquet import table_of
from sinks.dataset.rows import Row, texts
from sinks.dataset.split import Split

ROWS: Final = 2_000
"""Rows of a piece."""

LEAKS: Final = "nearly the same as one kept back"
KEPT_BACK: Final = "kept-back"
TOOLS: Final = "tools.json"
_PIECES: Final = "pieces"


@dataclass(frozen=True)
class Writing:
    """How the rows of a kind are written. What is kept back stands in the shards' folder under
    `KEPT_BACK`, the tools of each agent in `TOOLS`."""

    shards: Shards
    kind: DatasetKind
    schema: pa.Schema
    axolotl: bool


class Piece(NamedTuple):
    """A piece of the rows of a kind, by split: a file of Arrow's IPC format, and one of rendered
    texts if they are asked for."""

    counts: Counts
    tables: dict[Split, Path]
    texts: dict[Split, Path]


def write_piece(writing: Writing, piece: tuple[int, Sequence[Spot]]) -> Piece:
    """Write the rows at these spots, in their order."""
    number, spots = piece
    folder = writing.shards.folder
    counts = Counts()
    rows: dict[Split, list[Row]] = {}
    lines: dict[Split, list[bytes]] = {}
    with SpotReader(folder) as reader:
        kept = [Kept.from_bytes(reader.read(spot)) for spot in spots]
    leaks = index_in(folder / KEPT_BACK).leaks([(each.split, each.sketch) for each in kept])
    tools = _tools(folder / TOOLS)
    for each, leaking in zip(kept, leaks, strict=True):
        if leaking:
            counts.dropped[writing.kind][LEAKS] += 1
            continue
        row = from_json(each.row)
        schemas, schema_texts = tools.get(each.agent, ([], []))
        rows.setdefault(each.split, []).append(row | {"tools": schema_texts})
        if writing.axolotl:
            lines.setdefault(each.split, []).append(orjson.dumps(rendered(row, schemas)) + b"\n")
        if writing.kind == "pairs":
            counts.pair(each.split, row, each.lengths)
        else:
            counts.unpaired(each.split, row)
    place = folder / _PIECES / writing.kind
    place.mkdir(parents=True, exist_ok=True)
    tables: dict[Split, Path] = {}
    for split, found in rows.items():
        tables[split] = place / f"{number}-{split}.arrow"
        with pa.ipc.new_file(tables[split], writing.schema) as file:
            file.write_table(table_of(found, writing.schema))
    written: dict[Split, Path] = {}
    for split, said in lines.items():
        written[split] = place / f"{number}-{split}.jsonl"
        written[split].write_bytes(b"".join(said))
    return Piece(counts, tables, written)


@lru_cache(maxsize=1)
def _tools(path: Path) -> dict[str, tuple[list[dict[str, Any]], list[str]]]:
    """Return each agent's tools, and the same as texts."""
    schemas = orjson.loads(path.read_bytes())
    return {agent: (found, texts(found)) for agent, found in schemas.items()}
