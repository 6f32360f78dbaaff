"""Models as `clawback models` shows them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from trainer.registry.registry import Model, Registry
    from trainer.serving.served import Served


def rows_of(registry: Registry) -> list[dict[str, Any]]:
    """Return what is told of each model.

    Raises:
        RegistryError: they can't be read.
    """
    from trainer.serving.served import read_served

    current = registry.current()
    rows = []
    for model in registry.models():
        card, served = model.card, read_served(model)
        rows.append(
            {
                "id": model.id,
                "serves": current is not None and current.id == model.id,
                "state": served.state if served else "",
                "reason": served.reason if served else "",
                "base_model": card.base_model,
                "method": card.method,
                "tuning": card.tuning,
                "run": card.run,
                "snapshot": card.snapshot,
                "panel": card.panel,
                "passed": card.passed,
                "verdict": card.verdict,
            }
        )
    return rows


def print_rows(rows: list[dict[str, Any]]) -> None:
    """Print it for a person."""
    for row in rows:
        mark = click.style("serves", fg="green") if row["serves"] else ""
        state = f"({row['state']})" if row["serves"] and row["state"] not in ("", "serving") else ""
        passed = "passed" if row["passed"] else "not passed"
        click.echo(f"{click.style(row['id'][:12], bold=True)}  {passed}  {mark} {state}".rstrip())
        click.echo(f"    {row['method']} {row['tuning']} of {row['base_model']}")
        click.echo(f"    snapshot {row['snapshot']}, panel {row['panel']}, run {row['run'][:12]}")
        click.echo(f"    {row['verdict']}")
        if row["serves"] and row["reason"]:
            click.echo(f"    {row['reason']}")


def lineage(model: Model, served: Served | None, *, serves: bool) -> Iterator[tuple[str, str]]:
    """Yield where a model comes from, from the topics' offsets to the files, as names and texts."""
    card = model.card
    yield "model", f"{model.id}{'  serves' if serves else ''}"
    for topic, ends in card.offsets.items():
        upto = ", ".join(f"{number}: {end}" for number, end in ends.items())
        yield "topic", f"{card.prefix}.{topic} up to offset {upto}"
    seats = ", ".join(f"{seat.judge} ({seat.model}, rubric {seat.rubric})" for seat in card.judges)
    yield "panel", f"{card.panel}{f': {seats}' if seats else ''}"
    rows = "; ".join(
        f"{kind} " + ", ".join(f"{count} {split}" for split, count in counts.items())
        for kind, counts in card.rows.items()
    )
    yield "snapshot", f"{card.snapshot}: {rows}"
    yield (
        "run",
        f"{card.run}: {card.method} {card.tuning}, {card.steps} steps, loss {card.loss:.4f}",
    )
    yield "base", card.base_model
    yield "plan", str(card.plan.get("sentence") or "none")
    commit = f", commit {card.code.commit}" if card.code.commit else ""
    yield "code", f"clawback {card.code.version}{commit}"
    yield "libraries", ", ".join(f"{name} {number}" for name, number in card.versions.items())
    yield "gate", f"{'passed' if card.passed else 'not passed'}: {card.verdict}"
    report = model.folder / "run" / "gate" / "report.html"
    if report.exists():
        yield "report", str(report)
    yield "weights", str(model.weights)
    if served is not None:
        yield "served", " ".join(filter(None, [served.state, served.tag, served.url]))
        for text in (served.gguf, served.reason, *served.by_hand):
            if text:
                yield "", text


def when(at_ms: int) -> str:
    """Return a time (epoch milliseconds) in local time."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at_ms / 1000))
