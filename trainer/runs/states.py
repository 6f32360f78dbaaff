"""The states of a run, and which follows which.

    planned -> waiting -> running -> evaluating -> promoted | refused

A run that fails is planned again after a wait, until it has no more retries; one that is over and
has no model to show can be resumed by a person.
"""

from __future__ import annotations

from typing import Any, Final

from schemas.training import ENDED, TrainingRun, TrainingState

FOLLOWERS: Final[dict[TrainingState, frozenset[TrainingState]]] = {
    "planned": frozenset({"planned", "waiting", "refused", "failed"}),
    "waiting": frozenset({"waiting", "running", "refused", "failed"}),
    "running": frozenset({"running", "waiting", "evaluating", "failed"}),
    "evaluating": frozenset({"evaluating", "promoted", "refused", "failed"}),
    "promoted": frozenset(),
    "refused": frozenset({"planned"}),
    "failed": frozenset({"planned", "failed"}),
}
"""What may follow each state. A state that follows itself is news from within it."""

MAX_WAIT: Final = 24 * 3600.0
"""Longest wait before a retry, in seconds; doubling has to end somewhere."""


class WrongState(Exception):
    """A run can't go where it was sent. One line that names both states."""


def is_over(run: TrainingRun) -> bool:
    """Whether nothing more comes of a run by itself."""
    return run.state in ENDED and run.retry_ms is None


def can_resume(run: TrainingRun) -> bool:
    """Whether a person can have a run go on: it is over, and was not ended by the gate."""
    return is_over(run) and run.state in ("failed", "refused") and not run.candidate


def advance(run: TrainingRun, state: TrainingState, at_ms: int, **changes: Any) -> TrainingRun:
    """Return a run in the state that follows.

    What is only true within a state (why it waits, until when, how far it is) goes with it, unless
    `changes` say it anew.

    Raises:
        WrongState: that state does not follow.
    """
    if state not in FOLLOWERS[run.state]:
        raise WrongState(f"run {run.id[:8]} is {run.state} and can't become {state}")
    fresh = {"reason": "", "retry_ms": None, "progress": None}
    return run.model_copy(update={**fresh, "state": state, "at_ms": at_ms, **changes})


def fail(run: TrainingRun, reason: str, at_ms: int, retries: int, backoff: float) -> TrainingRun:
    """Return a run whose attempt has failed: to be tried again, or for good.

    Args:
        retries: how many attempts may follow the first.
        backoff: seconds before the second; each further wait is twice as long.

    Raises:
        WrongState: it was over already.
    """
    if run.attempt > retries:
        tries = f" ({run.attempt} attempts)" if run.attempt > 1 else ""
        return give_up(run, f"{reason}{tries}", at_ms)
    wait = min(backoff * 2.0 ** min(run.attempt - 1, 30), MAX_WAIT)
    return advance(run, "failed", at_ms, reason=reason, retry_ms=at_ms + int(wait * 1000), hosts=())


def give_up(run: TrainingRun, reason: str, at_ms: int) -> TrainingRun:
    """Return a run that has failed for good, with the command that resumes it.

    Raises:
        WrongState: it was over already.
    """
    told = f"{reason}; `{resume_command(run)}` goes on with it"
    return advance(run, "failed", at_ms, reason=told, hosts=())


def postpone(run: TrainingRun, reason: str, at_ms: int, retry_ms: int) -> TrainingRun:
    """Return a run that waits for what it needs, and until when: for its hosts, or for judges.

    Raises:
        WrongState: it is over.
    """
    state: TrainingState = "evaluating" if run.state == "evaluating" else "waiting"
    return advance(run, state, at_ms, reason=reason, retry_ms=retry_ms, hosts=())


def again(run: TrainingRun, at_ms: int, *, attempt: int, request: str = "") -> TrainingRun:
    """Return a run at its beginning, with all that was done for it before.

    Raises:
        WrongState: it is under way, or has made a model.
    """
    return advance(
        run, "planned", at_ms, attempt=attempt, candidate="", request=request or run.request
    )


def resume_command(run: TrainingRun) -> str:
    """Return what a person types to have a run go on."""
    return f"clawback train resume {run.id[:8]}"
