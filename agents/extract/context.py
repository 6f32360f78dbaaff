"""What the assistant could know when a turn began: the messages before it on its branch."""

from __future__ import annotations

from typing import Final

from agents.extract.nodes import BOUNDARY, Nodes
from agents.extract.steps import context_text
from agents.extract.text import shorten

_LEAST: Final = 16
"""Where fewer characters are left, no further message is begun."""


def per_message(context_chars: int) -> int:
    """Return how long one message of the context may be: a quarter of the whole."""
    return context_chars // 4


def before(
    nodes: Nodes, session: str, start: str | None, context_chars: int
) -> tuple[dict[str, str], ...]:
    """Return the messages from node `start` upward that fit the budget, from old to new.

    A boundary (compaction, reset) ends the context: nothing before its first kept message is in
    it, and a compaction's summary stands for that.
    """
    found: list[dict[str, str]] = []
    left = context_chars
    limit = per_message(context_chars)
    summary = ""
    boundary = False
    first_kept: str | None = None
    last_dropped: str | None = None
    name = start
    while name is not None and left >= _LEAST and name != last_dropped:
        node = nodes.get(session, name)
        if node is None:
            break
        kind = node["k"]
        if kind == BOUNDARY:
            if not boundary:
                boundary = True
                summary = shorten(node["x"], min(limit, left))
                left -= len(summary)
                if "kf" not in node and "kx" not in node:
                    break
                first_kept, last_dropped = node.get("kf"), node.get("kx")
        else:
            role, text = context_text(node, limit)
            if text:
                text = shorten(text, left)
                left -= len(text)
                found.append({"role": role, "text": text})
        if name == first_kept:
            break
        name = node["p"]
    if summary:
        found.append({"role": "summary", "text": summary})
    found.reverse()
    return tuple(found)
