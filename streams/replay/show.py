"""A plan as a person or a script reads it."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from streams.replay.plan import Plan, Work
from streams.replay.rates import Estimate, estimate
from streams.status.table import duration


def plan_json(plan: Plan) -> dict[str, Any]:
    """Return a plan as JSON. A number that is not known is null; times are in seconds."""
    works = [(work, _estimate(work)) for work in plan.works]
    return {
        "panel": plan.edition.label,
        "candidates": plan.candidates,
        "selected": plan.selected,
        "calls": plan.calls,
        "seconds": _longest(plan),
        "judges": [
            {
                "judge": work.pin.judge,
                "model": work.pin.model,
                "rubric": work.pin.rubric,
                "reused": work.reused,
                "calls": len(work.missing),
                "concurrency": work.concurrency,
                "measured": work.rate.measured if work.rate else 0,
                "seconds_per_call": work.rate.seconds if work.rate else None,
                "seconds": cost.seconds,
                "tokens_in": cost.tokens_in,
                "tokens_out": cost.tokens_out,
            }
            for work, cost in works
        ],
    }


def plan_table(plan: Plan) -> RenderableType:
    """Return a plan as a table, with what it comes to below."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("judge", "model", "rubric"):
        table.add_column(name, overflow="fold")
    for name in ("have", "to make", "each", "time", "tokens in", "out"):
        table.add_column(name, justify="right", no_wrap=True)
    for work in plan.works:
        cost = _estimate(work)
        each = work.rate.seconds if work.rate else None
        table.add_row(
            work.pin.judge,
            work.pin.model,
            work.pin.rubric,
            f"{work.reused:,}",
            f"{len(work.missing):,}",
            "-" if each is None else f"{each:.1f} s",
            "-" if cost.seconds is None else duration(cost.seconds),
            _count(cost.tokens_in),
            _count(cost.tokens_out),
        )
    head = Text(
        f"panel {plan.edition.label}: {plan.selected:,} of {plan.candidates:,} turns selected"
    )
    return Group(head, table, Text(_told(plan)))


def _told(plan: Plan) -> str:
    if not plan.calls:
        return "nothing to judge; the judgements there are will be joined"
    seconds = _longest(plan)
    unknown = [
        work.pin.judge for work in plan.works if work.missing and _estimate(work).seconds is None
    ]
    if unknown:
        return f"{plan.calls:,} calls; how long is not known: no times of {', '.join(unknown)} yet"
    return f"{plan.calls:,} calls, about {duration(seconds or 0.0)} with all judges at work at once"


def _longest(plan: Plan) -> float | None:
    """Return the time of the judge that takes longest, None if that of any is not known."""
    times = [_estimate(work).seconds for work in plan.works]
    known = [seconds for seconds in times if seconds is not None]
    return max(known, default=0.0) if len(known) == len(times) else None


def _estimate(work: Work) -> Estimate:
    if work.kind == "signals":
        # Thousands a second: what counts is the judges that are asked over the network.
        return Estimate(len(work.missing) / 2000, 0, 0)
    return estimate(len(work.missing), work.concurrency, work.rate)


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"
