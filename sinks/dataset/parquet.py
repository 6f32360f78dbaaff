"""Rows as Parquet files that `datasets` reads back exactly: messages are of its type `Json`."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features, Json, List, Value

from sinks.dataset.rows import Row

ROW_GROUP: int = 500
"""Rows that are held in memory for each split, and read at once."""

_JSON = List(Json())

PAIRS = Features(
    {
        "id": Value("string"),
        "strategy": Value("string"),
        "evidence": Value("string"),
        "margin": Value("float64"),
        "weight": Value("float64"),
        "reviewed": Value("string"),
        "chosen_overall": Value("float64"),
        "rejected_overall": Value("float64"),
        "sessions": List(Value("string")),
        "started_ms": Value("int64"),
        "tools_source": Value("string"),
        "prompt": _JSON,
        "chosen": _JSON,
        "rejected": _JSON,
        "tools": _JSON,
    }
)
UNPAIRED = Features(
    {
        "id": Value("string"),
        "evidence": Value("string"),
        "overall": Value("float64"),
        "sessions": List(Value("string")),
        "started_ms": Value("int64"),
        "tools_source": Value("string"),
        "prompt": _JSON,
        "completion": _JSON,
        "label": Value("bool"),
        "tools": _JSON,
    }
)


class RowFile:
    """One Parquet file being written. The same rows give the same bytes: row groups of a fixed
    size, and no time or path in the metadata.

    Args:
        path: the file; it must not be there.
        features: its columns.
    """

    def __init__(self, path: Path, features: Features) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._schema: pa.Schema = features.arrow_schema
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._rows: list[Row] = []

    def add(self, row: Row) -> None:
        """Add a row; message columns hold JSON texts."""
        self._rows.append(row)
        if len(self._rows) == ROW_GROUP:
            self._write()

    def __enter__(self) -> RowFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if kind is None and self._rows:
            self._write()
        self._writer.close()

    def _write(self) -> None:
        columns = [
            _column([row[field.name] for row in self._rows], field) for field in self._schema
        ]
        self._writer.write_table(pa.Table.from_arrays(columns, schema=self._schema))
        self._rows.clear()


def _column(values: list[Any], field: pa.Field) -> pa.Array:
    of_json = pa.types.is_list(field.type) and field.type.value_type == pa.json_()
    if not of_json:
        return pa.array(values, field.type)
    offsets, texts = [0], []
    for value in values:
        texts += value
        offsets.append(len(texts))
    stored = pa.ExtensionArray.from_storage(pa.json_(), pa.array(texts, pa.string()))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), stored, type=field.type)
