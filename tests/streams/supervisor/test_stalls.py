"""Which stages are taken to hang."""

from __future__ import annotations

from schemas.settings import ModelJudge, Settings
from streams.status.flow import StageProgress
from streams.supervisor.layout import stalled_after
from streams.supervisor.stalls import Stall, Stalls


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def seen(committed: int, lag: int) -> StageProgress:
    return StageProgress("extract", "clawback.extract", ("entries",), committed, lag)


def stalls(clock: Clock) -> Stalls:
    return Stalls({"extract": 60.0}, clock)


def test_a_stage_that_commits_nothing_while_records_wait_has_stalled() -> None:
    clock = Clock()
    it = stalls(clock)
    assert it.look(seen(5, 3), life=1) is None
    clock.now += 59
    assert it.look(seen(5, 4), life=1) is None
    clock.now += 1
    assert it.look(seen(5, 9), life=1) == Stall("extract", 60.0, 9)


def test_it_is_said_once_for_each_patience() -> None:
    clock = Clock()
    it = stalls(clock)
    found = []
    for _ in range(10):
        found.append(it.look(seen(5, 3), life=1))
        clock.now += 30
    assert sum(each is not None for each in found) == 3


def test_progress_of_any_size_gives_it_its_time_anew() -> None:
    clock = Clock()
    it = stalls(clock)
    for committed in range(10):
        assert it.look(seen(committed, 100), life=1) is None
        clock.now += 59


def test_nobody_stalls_without_records_to_read() -> None:
    clock = Clock()
    it = stalls(clock)
    assert it.look(seen(5, 0), life=1) is None
    clock.now += 3600
    assert it.look(seen(5, 0), life=1) is None
    clock.now += 3600
    assert it.look(seen(5, 1), life=1) is None


def test_a_stage_that_was_just_started_has_its_time() -> None:
    clock = Clock()
    it = stalls(clock)
    assert it.look(seen(5, 3), life=1) is None
    clock.now += 50
    assert it.look(seen(5, 3), life=2) is None
    clock.now += 50
    assert it.look(seen(5, 3), life=2) is None
    clock.now += 10
    assert it.look(seen(5, 3), life=2) is not None


def test_a_judge_whose_machine_is_away_may_wait() -> None:
    clock = Clock()
    it = stalls(clock)
    for life in (1, None, None, None, 1):
        assert it.look(seen(5, 3), life=life) is None
        clock.now += 50


def test_time_without_a_broker_does_not_count() -> None:
    clock = Clock()
    it = stalls(clock)
    assert it.look(seen(5, 3), life=1) is None
    clock.now += 3600
    it.forget()
    assert it.look(seen(5, 3), life=1) is None
    clock.now += 60
    assert it.look(seen(5, 3), life=1) is not None


def test_a_language_model_gets_three_of_its_timeouts_and_the_time_it_waits_for_a_reply() -> None:
    judge = ModelJudge(
        kind="ollama", name="slow", url="http://x", model="m", timeout=600, reaction_wait=900
    )
    quick = ModelJudge(kind="ollama", name="quick", url="http://x", model="m", timeout=10)
    patience = stalled_after(Settings(judges=(judge, quick)))
    assert patience["judge.slow"] == 3 * 600 + 900
    assert patience["judge.quick"] == patience["extract"] == 300
