"""Pairs for the eye: a list, and one with its sides beside each other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from difflib import SequenceMatcher
from typing import Any

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from schemas.pair import PreferencePair
from sinks.render.qwen import completion, render
from streams.pairs.visible import visible

PROMPT_CHARS = 1_500
"""How much of a prompt is shown unless all of it is asked for: its end."""

WIDE = 120
"""Columns from which a list has room for more than what was asked."""

_PIECE = re.compile(r"\s+|\w+|[^\w\s]")


def listed(pairs: Iterable[PreferencePair], width: int) -> Table:
    """Return pairs as a table, one a row; with their evidence where `width` has room for it."""
    table = Table(box=None, pad_edge=False, expand=True)
    for title, width in (
        ("id", 10),
        ("day", 10),
        ("strategy", 12),
        ("margin", 6),
        ("said", 6),
    ):
        table.add_column(title, no_wrap=True, width=width)
    for title in ("asked", "evidence") if width >= WIDE else ("asked",):
        table.add_column(title, no_wrap=True, overflow="ellipsis", ratio=1)
    for pair in pairs:
        margin = "" if pair.margin is None else f"{pair.margin:g}"
        when = datetime.fromtimestamp(pair.started_ms / 1000).strftime("%Y-%m-%d")
        cells = [pair.id[:10], when, pair.strategy, margin, pair.reviewed, visible(asked(pair))]
        if width >= WIDE:
            cells.append(visible(pair.evidence))
        table.add_row(*map(Text, cells))
    return table


def asked(pair: PreferencePair, chars: int = 200) -> str:
    """Return what the user had asked, in short."""
    words = next((m.content for m in reversed(pair.prompt) if m.role == "user"), "")
    line = " ".join(words.split())
    return line if len(line) <= chars else line[: chars - 1] + "…"


def shown(pair: PreferencePair, *, whole: bool = False) -> Group:
    """Return a pair: its prompt, and its sides as Qwen2.5 is trained on them, what differs
    coloured."""
    prompt = [message.model_dump() for message in pair.prompt]
    before = visible(render(prompt, add_generation_prompt=True))
    if not whole and len(before) > PROMPT_CHARS:
        before = (
            f"… ({len(before) - PROMPT_CHARS} more characters, --all)\n{before[-PROMPT_CHARS:]}"
        )
    good, bad = (
        visible(completion(prompt, [message.model_dump() for message in side.messages]))
        for side in (pair.chosen, pair.rejected)
    )
    left, right = coloured(good, bad)
    sides = Table(expand=True, show_lines=True)
    for title, side, style in (
        ("chosen", pair.chosen, "green"),
        ("rejected", pair.rejected, "red"),
    ):
        overall = "no score" if side.overall is None else f"{side.overall:g}"
        sides.add_column(
            Text(f"{title}: {overall}, turn {side.turn_id[:10]}, decision {side.decision}", style),
            ratio=1,
        )
    sides.add_row(left, right)
    margin = "none" if pair.margin is None else f"{pair.margin:g}"
    about = Text(f"{pair.id}\n{pair.strategy}, margin {margin}, panel {pair.panel}")
    about.append(
        f"\n{visible(pair.evidence)}" + (f"\nreviewed: {pair.reviewed}" if pair.reviewed else "")
    )
    return Group(about, Panel(Text(before), title="prompt"), sides)


def coloured(good: str, bad: str) -> tuple[Text, Text]:
    """Return two texts with what only one of them has in colour."""
    first, second = _PIECE.findall(good), _PIECE.findall(bad)
    left, right = Text(), Text()
    matcher = SequenceMatcher(None, first, second, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        same = kind == "equal"
        left.append("".join(first[a:b]), None if same else "bold green")
        right.append("".join(second[c:d]), None if same else "bold red")
    return left, right


def swept(rows: Sequence[dict[str, Any]]) -> Table:
    """Return what other thresholds would give."""
    names = list(rows[0]["strategies"]) if rows else []
    table = Table(box=None, pad_edge=False)
    for title in ("chosen", "rejected", "good", "bad", *names, "pairs", ""):
        table.add_column(title, justify="left" if not title else "right", no_wrap=True)
    for row in rows:
        table.add_row(
            f">= {row['chosen']:g}",
            f"<= {row['rejected']:g}",
            str(row["good_turns"]),
            str(row["bad_turns"]),
            *(str(row["strategies"][name]) for name in names),
            str(row["pairs"]),
            "as set" if row["set"] else "",
            style="bold" if row["set"] else None,
        )
    return table
