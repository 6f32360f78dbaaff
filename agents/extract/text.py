"""Cutting texts to a length."""

from __future__ import annotations

from typing import Final

from schemas.redaction import cut_before, cut_behind

_MARK: Final = "\n[… {} characters left out …]\n"
_MARK_CHARS: Final = 48
"""Room for the mark with any number in it."""


def cut_middle(text: str, limit: int) -> tuple[str, int]:
    """Return `text` in at most `limit` characters, and how many were cut from its middle.

    No cut goes through what stands for a secret (`schemas.redaction`): half of that is none.
    The beginning of a tool's output says what ran, its end how it went; a mark stands between.
    """
    if len(text) <= limit:
        return text, 0
    if limit <= 2 * _MARK_CHARS:
        start = cut_before(text, limit)
        return text[:start], len(text) - start
    room = limit - _MARK_CHARS
    start = cut_before(text, room // 2)
    end = cut_behind(text, len(text) - (room - room // 2))
    return f"{text[:start]}{_MARK.format(end - start)}{text[end:]}", end - start


def shorten(text: str, limit: int) -> str:
    """Return `text` in at most `limit` characters, cut in the middle where it is longer."""
    return cut_middle(text, limit)[0]
