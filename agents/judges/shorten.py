"""Making text fit and harmless before a judge reads it."""

from __future__ import annotations

import re
from typing import Final, Literal

from schemas.identity import well_formed
from schemas.redaction import cut_before, cut_behind

_CONTROL_TOKEN: Final = re.compile(
    r"<(?=\||/?(?:think|s|bos|eos)>|(?:start|end)_of_turn>|<SYS>)|\[(?=/?(?:INST|THINK)\])",
    re.IGNORECASE,
)
_NOTE_CHARS: Final = 50
_UNPRINTABLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def defused(text: str) -> str:
    """Return `text` without what a server could take for the end of a message.

    Servers turn `<|im_end|>` and the like into control tokens wherever they stand, so that a tool
    result could close the user's message and open a system message of its own. A space is put
    after the first character of each. Control characters become U+FFFD.
    """
    text = _CONTROL_TOKEN.sub(lambda match: match[0] + " ", well_formed(text))
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


def quoted(text: str, limit: int | None = None, *, keep: Literal["both", "end"] = "both") -> str:
    """Return `text` with a bar before each of its lines, which sets data apart from the frame.

    Longer than `limit` it is cut, with a line that says how much is gone: in the middle, two
    thirds of what is kept being from the beginning, or at the beginning where the `end` is what
    counts, and never within what stands for a secret. The result is never longer than `limit`;
    below 80 nothing but that line may be left.
    """
    if limit is None or len(text) <= limit:
        bars = _barred(text)
        if limit is None or len(bars) <= limit:
            return bars
    room = max(0, limit - _NOTE_CHARS)
    head = room * 2 // 3 if keep == "both" else 0
    tail = room - head
    # Only what is kept is looked at: results can be a hundred times as long.
    first = _barred(text[: cut_before(text, head)])
    first = first[: cut_before(first, head)]
    last = _barred(text[cut_behind(text, len(text) - tail) :])
    last = last[cut_behind(last, max(0, len(last) - tail)) :].removeprefix("| ")
    gone = len(text) - sum(len(line.removeprefix("| ")) for line in first.split("\n"))
    gone -= sum(len(line.removeprefix("| ")) for line in last.split("\n"))
    # A bar is put before what is left of a line, or the data could pose as the frame.
    parts = (first, f"[{max(1, gone):,} characters left out]", last and f"| {last}")
    return "\n".join(part for part in parts if part)[: max(0, limit)]


def _barred(text: str) -> str:
    return "\n".join(f"| {line}" for line in defused(text).split("\n"))


def one_line(text: str, limit: int) -> str:
    """Return `text` on one line, without control tokens, cut to `limit` characters."""
    line = " ".join(defused(text).split())
    return line if len(line) <= limit else line[: cut_before(line, max(0, limit - 1))] + "…"
