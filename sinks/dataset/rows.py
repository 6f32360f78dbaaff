"""Examples as rows: messages as JSON texts, one each, so that nothing is made equal or filled up
with nulls."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import to_json

from schemas.pair import ChatMessage
from sinks.strategies.unpaired import Unpaired

_DIGITS = re.compile(r"[0-9]{19}")
_LONG_NUMBER = re.compile(r"(?<![\w\"\\.])-?[0-9]{19,}(?![\w\".])")

Row = dict[str, Any]


def pair_row(pair: Mapping[str, Any]) -> Row:
    """Return the row of a pair, without the tools.

    Args:
        pair: its record as JSON.
    """
    chosen, rejected = pair["chosen"], pair["rejected"]
    return {
        "id": pair["id"],
        "strategy": pair["strategy"],
        "evidence": pair["evidence"],
        "margin": pair["margin"],
        "weight": pair["weight"],
        "reviewed": pair["reviewed"],
        "chosen_overall": chosen["overall"],
        "rejected_overall": rejected["overall"],
        "sessions": sorted({chosen["session"], rejected["session"]}),
        "started_ms": pair["started_ms"],
        "prompt": texts(pair["prompt"]),
        "chosen": texts(chosen["messages"]),
        "rejected": texts(rejected["messages"]),
    }


def unpaired_row(example: Unpaired) -> Row:
    """Return the row of a decision with a label, without the tools."""
    return {
        "id": example.turn_id,
        "evidence": example.evidence,
        "overall": example.overall,
        "sessions": [example.session],
        "started_ms": example.started_ms,
        "prompt": texts([plain(each) for each in example.prompt]),
        "completion": texts([plain(example.completion)]),
        "label": example.label,
    }


def texts(values: Sequence[Any]) -> list[str]:
    """Return each value as JSON."""
    return [to_json(value).decode() for value in values]


def plain(message: ChatMessage) -> dict[str, Any]:
    """Return a message as its model would dump it, in a fifth of the time."""
    return {name: value for name, value in message.__dict__.items() if value is not None}


def has_long_number(row: Row) -> bool:
    """Say whether a row holds an integer of more than 64 bits, which `datasets` can't read."""
    for name in ("prompt", "chosen", "rejected", "completion"):
        for text in row.get(name, ()):
            # All that a message says beside its calls is text.
            if '"tool_calls":' not in text or _DIGITS.search(text) is None:
                continue
            for found in _LONG_NUMBER.finditer(text):
                if not -(1 << 63) <= int(found[0]) < 1 << 64:
                    return True
    return False
