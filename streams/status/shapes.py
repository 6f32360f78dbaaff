"""How durations and tables are drawn."""

from __future__ import annotations

from rich.table import Table


def duration(seconds: float) -> str:
    """Return a duration in at most two units: ``45 s``, ``3 min``, ``2 h 5 min``, ``4 d 3 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"


def columns(*left: str, **right: int) -> Table:
    """Return an empty table: columns by name, those in `right` aligned to the right."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for name in left:
        made.add_column(name)
    for name in right:
        made.add_column(name, justify="right")
    return made
