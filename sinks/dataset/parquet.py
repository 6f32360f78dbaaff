"""Rows as Parquet files that `datasets` reads back exactly: messages are of its type `Json`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sinks.dataset.rows import Row

ROW_GROUP: int = 500
"""Rows that are held in memory for each split, and read at once."""


def table_of(rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
    """Return rows as a table; message columns hold JSON texts."""
    columns = [_column([row[field.name] for row in rows], field) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


class RowFile:
    """One Parquet file being written. The same rows give the same bytes, in however many tables
    they come: row groups of a fixed size, and no time or path in the metadata.

    Args:
        path: the file; it must not be there.
        schema: its columns.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def add(self, table: pa.Table) -> None:
        """Add the rows of a table."""
        self._waiting.append(table)
        self._rows += len(table)
        if self._rows >= ROW_GROUP:
            self._write(self._rows - self._rows % ROW_GROUP)

    def __enter__(self) -> RowFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if kind is None and self._rows:
            self._write(self._rows)
        self._writer.close()

    def _write(self, count: int) -> None:
        table = pa.concat_tables(self._waiting).combine_chunks()
        self._writer.write_table(table.slice(0, count), row_group_size=ROW_GROUP)
        self._waiting = [table.slice(count)]
        self._rows -= count


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
