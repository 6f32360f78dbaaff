"""When files are rewritten, by a clock that the test turns."""

from __future__ import annotations

import pytest

from sinks.schedule import PAUSE_FACTOR, RETRY_SECONDS, Schedule


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def schedule(clock: Clock) -> Schedule:
    return Schedule(1.0, clock)


def test_without_changes_nothing_is_due(schedule: Schedule) -> None:
    assert schedule.due_in() is None
    assert schedule.due(everything=True) == []


def test_later_changes_do_not_put_a_file_off(schedule: Schedule, clock: Clock) -> None:
    schedule.mark("a")
    clock.now += 0.75
    schedule.mark("a")
    assert schedule.due_in() == 0.25
    assert schedule.due() == []
    assert schedule.due(everything=True) == ["a"]
    clock.now += 0.25
    assert schedule.due() == ["a"]


def test_each_file_has_its_own_time(schedule: Schedule, clock: Clock) -> None:
    schedule.mark("b")
    clock.now += 0.5
    schedule.mark("a")
    clock.now += 0.5
    assert schedule.due() == ["b"]
    clock.now += 0.5
    assert schedule.due() == ["a", "b"]


def test_a_file_rests_after_a_long_rewrite(schedule: Schedule, clock: Clock) -> None:
    schedule.mark("a")
    started = clock.now
    clock.now += 2
    schedule.written("a", started)
    assert schedule.due_in() is None
    schedule.mark("a")
    assert schedule.due_in() == 2 * PAUSE_FACTOR


def test_a_failure_is_tried_again_after_a_pause(schedule: Schedule, clock: Clock) -> None:
    schedule.mark("a")
    clock.now += 5
    schedule.failed("a")
    assert schedule.due_in() == RETRY_SECONDS
    clock.now += RETRY_SECONDS
    assert schedule.due() == ["a"]
