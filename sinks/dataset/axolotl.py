"""Rows as rendered text, for trainers whose chat-template loaders leave tools out (axolotl)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import from_json

from sinks.dataset.rows import Row
from sinks.render.qwen import completion, render


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
