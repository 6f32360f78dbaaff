"""A comparison as JSON, as tables on the terminal, and as one page that needs no other file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, StrictUndefined
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from streams.panels.classes import CLASSES, Class
from streams.panels.compare import Change, Comparison

SHOWN: Final = 30
"""Changed turns on the terminal; JSON and the page have all of them."""

WORDS: Final = 60


def as_json(found: Comparison, requests: Mapping[str, str]) -> dict[str, Any]:
    """Return a comparison as JSON. A figure that can't be computed is null."""
    alpha_a, alpha_b = found.judges_alpha()
    return {
        "a": found.a,
        "b": found.b,
        "turns": found.turns,
        "only_a": found.only_a,
        "only_b": found.only_b,
        "same_class": found.same,
        "agreement": {
            "class_kappa": found.class_kappa(),
            "score_kappa": found.score_kappa(),
            "scored_by_both": found.scored,
            "judges_alpha_a": alpha_a,
            "judges_alpha_b": alpha_b,
        },
        "classes": [
            {"a": a, "b": b, "turns": found.table[a, b]}
            for a in CLASSES
            for b in CLASSES
            if found.table[a, b]
        ],
        "changes": [
            {
                "turn_id": change.turn_id,
                "request": requests.get(change.turn_id),
                "a": change.before,
                "b": change.after,
                "overall_a": change.overall_before,
                "overall_b": change.overall_after,
                "why": list(change.why),
            }
            for change in found.changes
        ],
    }


def headline(found: Comparison) -> str:
    """Return in a sentence what came out."""
    if not found.turns:
        return f"{found.a} and {found.b} have no turn in common."
    share = found.same / found.turns
    return (
        f"{found.same:,} of {found.turns:,} turns ({share:.0%}) are in the same class under "
        f"{found.a} and {found.b}; {len(found.changes):,} change."
    )


def figures(found: Comparison) -> list[tuple[str, str]]:
    """Return the figures of agreement with their meaning: what it is, and its value."""
    alpha_a, alpha_b = found.judges_alpha()
    rows = [
        ("classes, beyond chance (Cohen's kappa)", _figure(found.class_kappa())),
        (
            f"medians, beyond chance (quadratic-weighted kappa, {found.scored:,} turns)",
            _figure(found.score_kappa()),
        ),
        (f"judges within {found.a} (Krippendorff's alpha)", _figure(alpha_a)),
        (f"judges within {found.b} (Krippendorff's alpha)", _figure(alpha_b)),
    ]
    for label, count in ((found.a, found.only_a), (found.b, found.only_b)):
        if count:
            rows.append((f"turns with a verdict of {label} only", f"{count:,}"))
    return rows


def tables(found: Comparison, requests: Mapping[str, str]) -> RenderableType:
    """Return a comparison for the terminal."""
    parts: list[RenderableType] = [Text(headline(found), style="bold"), ""]
    grid = Table(box=None, pad_edge=False, show_header=False)
    for what, value in figures(found):
        grid.add_row(what, value)
    parts += [grid, "", _matrix(found)]
    if found.changes:
        parts += ["", *_changes(found.changes[:SHOWN], requests)]
    if len(found.changes) > SHOWN:
        parts.append(f"and {len(found.changes) - SHOWN:,} more; --json or --html has all of them")
    return Group(*parts)


def page(found: Comparison, requests: Mapping[str, str]) -> str:
    """Return a comparison as an HTML page. Everything that is not ours is escaped."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(
        (files("streams.panels") / "page.html.j2").read_text("utf-8")
    )
    return template.render(
        found=found,
        headline=headline(found),
        figures=figures(found),
        classes=_present(found),
        most=max((found.table[a, b] for a in CLASSES for b in CLASSES), default=1) or 1,
        requests=requests,
    )


def _matrix(found: Comparison) -> Table:
    present = _present(found)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(f"{found.a} ↓  {found.b} →")
    for kind in present:
        table.add_column(kind, justify="right")
    for a in present:
        cells = [
            Text(
                f"{found.table[a, b]:,}" if found.table[a, b] else "·",
                style="" if a == b or not found.table[a, b] else "yellow",
            )
            for b in present
        ]
        table.add_row(a, *cells)
    return table


def _changes(changes: Sequence[Change], requests: Mapping[str, str]) -> list[RenderableType]:
    lines: list[RenderableType] = []
    for change in changes:
        words = " ".join(requests.get(change.turn_id, "").split())
        shown = f"“{words[:WORDS]}…”" if len(words) > WORDS else f"“{words}”"
        head = Text.assemble(
            (change.turn_id[:8], "dim"),
            f"  {change.before} → {change.after}  ",
            (shown if words else "", "italic"),
        )
        lines += [head, Text(f"          {'; '.join(change.why)}")]
    return lines


def _present(found: Comparison) -> list[Class]:
    return [
        kind
        for kind in CLASSES
        if any(found.table[kind, other] or found.table[other, kind] for other in CLASSES)
    ]


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
