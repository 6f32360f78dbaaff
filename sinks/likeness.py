"""Whether two decisions are nearly the same: nothing could be learned from such a pair."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any, Final

from schemas.pair import ChatMessage

ALIKE: Final = 0.9
"""Texts with this Jaccard index of their word pairs, beside equal calls, are nearly identical."""

_WORD = re.compile(r"\w+")


def nearly_identical(one: ChatMessage, other: ChatMessage) -> bool:
    """Say whether two decisions make the same calls and say nearly the same beside them.

    Calls are the same if they differ in ids, case and spacing alone: one other argument can be all
    the difference there is.
    """
    if _calls(one) != _calls(other):
        return False
    return one.content == other.content or similarity(one.content, other.content) >= ALIKE


def similarity(one: str, other: str) -> float:
    """Return the Jaccard index of the word pairs of two texts, from 0 to 1."""
    first, second = _pairs(one), _pairs(other)
    union = len(first | second)
    return len(first & second) / union if union else 1.0


def length(message: ChatMessage) -> int:
    """Return how long a decision is: the characters of its text and its calls."""
    return len(message.content) + sum(
        len(json.dumps(call["function"], ensure_ascii=False)) for call in message.tool_calls or ()
    )


def _calls(message: ChatMessage) -> str:
    calls = [call["function"] for call in message.tool_calls or ()]
    return json.dumps(_plain(calls), sort_keys=True)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return " ".join(value.casefold().split())
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def _pairs(text: str) -> set[tuple[str, str]]:
    words = ["", *_WORD.findall(text.casefold()), ""]
    return set(pairwise(words))
