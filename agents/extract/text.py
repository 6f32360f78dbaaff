"""Cutting texts to a length."""

from __future__ import annotations

from typing import Final

_MARK: Final = "\n[… {} characters left out …]\n"
_MARK_CHARS: Final = 48
"""Room for the mark with any number in it."""


def cut_middle(text: str, limit: int) -> tuple[str, int]:
    """Return `text` in at most `limit` characters, and how many were cut from its middle.

    The beginning of a tool's output says what ran, its end how it went; a mark stands between.
    """
    if len(text) <= limit:
        return text, 0
    if limit <= 2 * _MARK_CHARS:
        return text[:limit], len(text) - limit
    room = limit - _MARK_CHARS
    start = room // 2
    end = room - start
    omitted = len(text) - room
    return f"{text[:start]}{_MARK.format(omitted)}{text[-end:]}", omitted


def shorten(text: str, limit: int) -> str:
    """Return `text` in at most `limit` characters, cut in the middle where it is longer."""
    return cut_middle(text, limit)[0]
