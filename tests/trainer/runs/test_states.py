"""The states of a run, and which follows which."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.training import ENDED, TrainingProgress, TrainingRun, TrainingState
from trainer.runs.states import (
    FOLLOWERS,
    MAX_WAIT,
    WrongState,
    advance,
    again,
    can_resume,
    fail,
    give_up,
    is_over,
    postpone,
)

STATES = get_args(TrainingState)


def run(state: TrainingState = "planned", **changes: object) -> TrainingRun:
    made = TrainingRun(id="ab" * 16, state=state, base_model="tiny", method="dpo", pairs=3)
    return made.model_copy(update=changes)


def test_the_way_of_a_run_that_is_promoted() -> None:
    at = run()
    for number, state in enumerate(("waiting", "running", "evaluating", "promoted"), 1):
        at = advance(at, state, number)  # type: ignore[arg-type]
        assert (at.state, at.at_ms) == (state, number)
    assert is_over(at)
    assert not can_resume(at)


@given(st.sampled_from(STATES), st.sampled_from(STATES))
def test_no_other_state_follows(before: TrainingState, after: TrainingState) -> None:
    if after in FOLLOWERS[before]:
        assert advance(run(before), after, 1).state == after
    else:
        with pytest.raises(WrongState, match=f"is {before} and can't become {after}"):
            advance(run(before), after, 1)


def test_what_is_true_of_a_state_goes_with_it() -> None:
    progress = TrainingProgress(step=1, steps=2, loss=0.5)
    waiting = run("waiting", reason="spark1 is not free", retry_ms=5, snapshot="f1")
    running = advance(waiting, "running", 6, progress=progress)
    assert (running.reason, running.retry_ms, running.snapshot) == ("", None, "f1")
    assert advance(running, "evaluating", 7).progress is None


def test_a_failed_attempt_is_tried_again_with_doubled_waits_and_then_left() -> None:
    at, waits = run("running"), []
    for _ in range(3):
        failed = fail(at, "rank 0 ran out of memory", 1000, retries=3, backoff=60)
        assert not is_over(failed)
        assert failed.retry_ms is not None
        waits.append((failed.retry_ms - 1000) / 1000)
        planned = again(failed, 2000, attempt=failed.attempt + 1)
        at = advance(advance(planned, "waiting", 3000), "running", 3000)
    assert waits == [60, 120, 240]
    left = fail(at, "rank 0 ran out of memory", 4000, retries=3, backoff=60)
    assert is_over(left)
    assert can_resume(left)
    assert left.reason == (
        "rank 0 ran out of memory (4 attempts); `clawback train resume abababab` goes on with it"
    )


def test_without_retries_the_first_failure_is_the_last() -> None:
    left = fail(run("running"), "no space", 1, retries=0, backoff=60)
    assert left.reason.startswith("no space; `clawback train resume")
    assert is_over(left)


@given(st.integers(1, 10_000), st.floats(0, 1e7))
def test_no_wait_is_longer_than_a_day(attempt: int, backoff: float) -> None:
    failed = fail(run("running", attempt=attempt), "x", 0, retries=attempt, backoff=backoff)
    assert failed.retry_ms is not None
    assert 0 <= failed.retry_ms <= MAX_WAIT * 1000


@given(st.sampled_from([state for state in STATES if state not in ENDED]))
def test_a_person_can_stop_a_run_in_any_state_and_resume_it(state: TrainingState) -> None:
    stopped = give_up(run(state), "stopped by a person", 1)
    assert is_over(stopped)
    assert can_resume(stopped)
    resumed = again(stopped, 2, attempt=1, request="asked")
    assert (resumed.state, resumed.request, resumed.reason) == ("planned", "asked", "")


def test_what_the_gate_has_ended_is_not_resumed() -> None:
    assert can_resume(run("refused"))
    assert not can_resume(run("refused", candidate="model"))


def test_a_run_that_waits_for_judges_stays_in_its_evaluation() -> None:
    assert postpone(run("evaluating"), "judges are away", 1, 9).state == "evaluating"
    waiting = postpone(run("waiting"), "spark1 is not free", 1, 9)
    assert (waiting.state, waiting.retry_ms, is_over(waiting)) == ("waiting", 9, False)
