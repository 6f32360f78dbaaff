"""Rows as rendered text, for trainers whose chat-template loaders leave tools out (axolotl)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson
from pydantic_core import from_json

from sinks.dataset.rows import Row
from sinks.render.qwen import completion, render


class TextFile:
    """One JSONL file of `prompt` with `chosen` and `rejected`, or with `completion` and `label`,
    all as text in Qwen2.5's template.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb")

    def add(self, row: Row, tools: Sequence[Mapping[str, Any]]) -> None:
        """Add a row."""
        self._file.write(orjson.dumps(rendered(row, tools)) + b"\n")

    def __enter__(self) -> TextFile:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._file.close()


def rendered(row: Row, tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a row as text. What a side holds is what follows the prompt, up to its end mark."""
    prompt = [from_json(text) for text in row["prompt"]]
    found: dict[str, Any] = {"prompt": render(prompt, tools, add_generation_prompt=True)}
    for name in ("chosen", "rejected", "completion"):
        if name in row:
            found[name] = completion(prompt, [from_json(text) for text in row[name]], tools)
    if "label" in row:
        found["label"] = row["label"]
    return found
