"""A training run as a person reads it in the status."""

from __future__ import annotations

from streams.status.shapes import duration
from streams.status.training import RunState, TrainingState


def training_lines(state: TrainingState, now_ms: int, *, running: bool) -> list[str]:
    """Return what there is to say, the most important first.

    Args:
        running: whether the line is; else what was being done is not being done now.
    """
    gathered = f"{state.new} of {state.threshold} new examples"
    if state.run is None:
        if state.next_ms is None:
            return [f"training: {gathered}"]
        wait = max(state.next_ms - now_ms, 0) / 1000
        return [f"training: {gathered}, the next run starts in {duration(wait)} ({state.why})"]
    run = state.run
    attempt = f", attempt {run.attempt}" if run.attempt > 1 else ""
    base = run.base_model.rpartition("/")[2]
    lines = [
        f"training: run {run.id[:8]} is {run.state}{attempt} ({run.tuning} {run.method} of {base})"
    ]
    if run.doing and running:
        where = f" on {', '.join(run.hosts)}" if run.hosts else ""
        lines.append(f"{run.doing}{where}")
    if run.step is not None:
        lines.append(_step(run))
    if run.reason:
        lines.append(run.reason)
    if run.retry_ms is not None:
        lines.append(f"goes on in {duration(max(run.retry_ms - now_ms, 0) / 1000)}")
    if not running:
        lines.append("goes on when `clawback run` does")
    lines.append(f"{gathered} for the next")
    return lines


def _step(run: RunState) -> str:
    told = [f"step {run.step} of {run.steps}", f"loss {run.loss:.4g}"]
    if run.accuracy is not None:
        told.append(f"accuracy {run.accuracy:.2f}")
    if run.tokens_per_s is not None:
        told.append(f"{run.tokens_per_s:,.0f} tokens/s")
    if run.seconds_left is not None:
        told.append(f"{duration(run.seconds_left)} left")
    return ", ".join(told)
