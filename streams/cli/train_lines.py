"""How `clawback train` says things: from what there is to lines of text."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from streams.status.shapes import duration

if TYPE_CHECKING:
    from schemas.settings import Settings
    from schemas.training import TrainingRun
    from streams.training.outlook import Outlook


def outlook_lines(seen: Outlook, settings: Settings) -> list[str]:
    """Return what the trigger sees, and the run that is under way or was the last."""
    train, kind = settings.train, examples(settings)
    lines = []
    if not train.enabled:
        lines.append("training is off: write enabled = true under [train] to have it train")
    lines.append(
        f"{seen.new} of {train.min_pairs} new {kind}, of {seen.there} in all; "
        f"{train.tuning} {train.method} of {train.model}"
    )
    when = [f"starts at {train.min_pairs} new {kind}"]
    if train.schedule:
        when.append(f'or by the schedule "{train.schedule}" if there is a new one')
    if train.window:
        when.append(f"inside {train.window}")
    if train.min_between:
        when.append(f"at least {duration(train.min_between)} after the last start")
    lines.append(", ".join(when))
    lines.append(_next_line(seen, settings))
    if seen.under_way is not None:
        lines += ["", *run_lines(seen.under_way, settings)]
    elif seen.runs:
        lines += ["", "last run:", *run_lines(seen.runs[-1], settings)]
    return lines


def _next_line(seen: Outlook, settings: Settings) -> str:
    if seen.under_way is not None:
        retry = f"; it goes on {moment(seen.next.at_ms, settings)}" if seen.next else ""
        return f"run {seen.under_way.id[:8]} is under way{retry}"
    if seen.next is not None:
        at = max(seen.next.at_ms, int(time.time() * 1000))
        soon = seen.next.at_ms <= time.time() * 1000
        why = {
            "threshold": "enough pairs are there",
            "schedule": "by the schedule",
            "asked": "a person has asked for it",
            "resumed": "a person has asked for a run to go on",
        }.get(seen.next.why, seen.next.why)
        return f"next start: {'now' if soon else moment(at, settings)} ({why})"
    missing = settings.train.min_pairs - seen.new
    return f"next start: {missing} new {examples(settings)} from now, not before " + (
        moment(seen.earliest_ms, settings)
    )


def run_lines(run: TrainingRun, settings: Settings) -> list[str]:
    """Return what there is to say of a run."""
    attempt = f", attempt {run.attempt}" if run.attempt > 1 else ""
    lines = [
        f"run {run.id[:8]} is {run.state}{attempt}: {kind_of(run)}, planned "
        f"{moment(run.planned_ms, settings)} for {run.pairs} new {examples(settings)}"
    ]
    if run.reason:
        lines.append(f"  {run.reason}")
    if run.retry_ms is not None:
        lines.append(f"  goes on {moment(run.retry_ms, settings)}")
    if run.hosts:
        lines.append(f"  on {', '.join(run.hosts)}")
    if run.progress is not None:
        progress = run.progress
        told = [f"step {progress.step} of {progress.steps}", f"loss {progress.loss:.4g}"]
        if progress.accuracy is not None:
            told.append(f"accuracy {progress.accuracy:.2f}")
        if progress.tokens_per_s is not None:
            told.append(f"{progress.tokens_per_s:,.0f} tokens/s")
        lines.append(f"  {', '.join(told)}")
    if run.snapshot:
        lines.append(f"  on snapshot {run.snapshot}")
    if run.candidate:
        lines.append(f"  made model {run.candidate[:12]}; `clawback models show` says more")
    return lines


def files_of(folder: Path) -> dict[str, Path]:
    """Return where the files of a run are, if it has come so far."""
    return {
        "plan": folder / "plan.json",
        "tokens": folder / "tokens.json",
        "metrics": folder / "metrics.jsonl",
        "tensorboard": folder / "tensorboard",
        "logs": folder / "logs",
        "error": folder / "error.json",
        "model": folder / "model",
        "report": folder / "gate" / "report.html",
    }


def outlook_json(seen: Outlook, settings: Settings) -> dict[str, object]:
    """Return what the trigger sees as one JSON object."""
    train = settings.train
    return {
        "enabled": train.enabled,
        "method": train.method,
        "new": seen.new,
        "there": seen.there,
        "min_pairs": train.min_pairs,
        "schedule": train.schedule,
        "window": train.window,
        "min_between_seconds": train.min_between,
        "next_ms": seen.next.at_ms if seen.next else None,
        "why": seen.next.why if seen.next else "",
        "earliest_ms": seen.earliest_ms,
        "under_way": json.loads(seen.under_way.to_bytes()) if seen.under_way else None,
        "last": json.loads(seen.runs[-1].to_bytes()) if seen.runs else None,
    }


def examples(settings: Settings) -> str:
    """Return what is learned from, as a person would call it."""
    return "pairs" if settings.train.method == "dpo" else "labelled answers"


def kind_of(run: TrainingRun) -> str:
    """Return what a run does with which base."""
    return f"{run.tuning} {run.method} of {Path(run.base_model).name}"


def moment(at_ms: int, settings: Settings) -> str:
    """Return a time for people."""
    zone = ZoneInfo(settings.sinks.timezone) if settings.sinks.timezone else None
    return datetime.fromtimestamp(at_ms / 1000, zone).strftime("%Y-%m-%d %H:%M")
