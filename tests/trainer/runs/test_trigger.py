"""When a run starts, and that it starts once, whatever is killed whenever."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.settings import Train
from schemas.topics import VERDICTS
from schemas.training import TrainingRun, TrainingState
from schemas.verdict import Medians, Verdict
from tests.trainer.runs.topics import PANEL, Topics, Worker
from trainer.runs import book, examples
from trainer.runs.states import advance, fail, give_up, postpone

HOUR = 3_600_000
NOON = int(datetime(2026, 1, 5, 12).timestamp() * 1000)


def train(**changes: Any) -> Train:
    return Train.model_validate({"min_pairs": 3, "min_between": "0s", "model": "tiny", **changes})


def world(**changes: Any) -> tuple[Topics, Worker]:
    topics = Topics()
    return topics, Worker(topics, train(**changes))


def start_one(topics: Topics, worker: Worker, prefix: str, now: int = NOON) -> TrainingRun:
    for number in range(3):
        topics.pair(f"{prefix}{number}")
    (run,) = worker.look(now)
    return run


def end(topics: Topics, run: TrainingRun, at_ms: int = NOON) -> None:
    for state in ("waiting", "running", "evaluating", "promoted"):
        run = advance(run, state, at_ms)  # type: ignore[arg-type]
        topics.run(run)


# What counts


def test_enough_new_pairs_start_a_run() -> None:
    topics, worker = world()
    topics.pair("a")
    topics.pair("b")
    assert worker.look(NOON) == []
    topics.pair("c")
    (run,) = worker.look(NOON)
    assert (run.state, run.pairs, run.attempt, run.planned_ms) == ("planned", 3, 1, NOON)
    assert (run.base_model, run.method, run.tuning) == ("tiny", "dpo", "lora")


def test_a_pair_seen_twice_counts_once_and_a_withdrawn_one_not_at_all() -> None:
    topics, worker = world()
    for name in ("a", "a", "b", "c"):
        topics.pair(name)
    topics.gone("c")
    topics.gone("never was")
    assert worker.look(NOON) == []
    assert (examples.new(worker.table).number, examples.count(worker.table)) == (2, 2)
    topics.pair("c")
    (run,) = worker.look(NOON)
    assert run.pairs == 3


def test_what_a_run_was_planned_with_is_not_new_to_the_next() -> None:
    topics, worker = world()
    first = start_one(topics, worker, "a")
    topics.pair("b1")
    topics.pair("b2")
    assert worker.look(NOON) == []
    end(topics, first)
    for name in ("a0", "a1", "a2"):
        topics.gone(name)
        topics.pair(name)
    assert worker.look(NOON) == []
    topics.pair("b3")
    (second,) = worker.look(NOON)
    assert second.pairs == 3
    assert second.id != first.id


def test_the_same_pairs_in_another_order_are_the_same_run() -> None:
    ids = set()
    for names in ("abc", "cab", "bca"):
        topics, worker = world()
        for name in names:
            topics.pair(name)
        ids.add(worker.look(NOON)[0].id)
    assert len(ids) == 1


def test_another_base_method_or_tuning_makes_another_run() -> None:
    ids = set()
    for changes in ({}, {"model": "small"}, {"tuning": "full"}):
        topics, worker = world(**changes)
        ids.add(start_one(topics, worker, "a").id)
    assert len(ids) == 3


def verdict(turn: str, overall: float, panel: str = PANEL, revision: int = 1) -> bytes:
    name, _, edition = panel.partition("@")
    scores = Medians(
        tool_correctness=5, task_completion=5, instruction_adherence=5, efficiency=5,
        overall=overall,
    )  # fmt: skip
    return Verdict(
        id=f"{turn}{panel}", turn_id=turn, panel=name, edition=edition, revision=revision,
        status="scored", scores=scores,
    ).to_bytes()  # fmt: skip


def test_kto_counts_the_turns_that_the_panel_has_labelled() -> None:
    topics, worker = world(method="kto")
    for turn, overall in (("a", 8.0), ("b", 2.0), ("c", 5.5)):
        topics.put(VERDICTS, turn, verdict(turn, overall))
    topics.put(VERDICTS, "d", verdict("d", 9.0, panel="strict@00000000"))
    topics.pair("p1")
    assert worker.look(NOON) == []
    assert examples.new(worker.table).number == 2
    topics.put(VERDICTS, "b", verdict("b", 6.0, revision=2))
    topics.put(VERDICTS, "c", verdict("c", 7.5, revision=2))
    worker.read()
    assert examples.new(worker.table).number == 2
    topics.put(VERDICTS, "e", verdict("e", 1.0))
    (run,) = worker.look(NOON)
    assert (run.method, run.pairs) == ("kto", 3)


def test_what_an_earlier_edition_has_labelled_is_not_new() -> None:
    topics, worker = world(method="kto")
    for turn in "abc":
        topics.put(VERDICTS, turn, verdict(turn, 8.0, panel="default@00000000"))
    assert worker.look(NOON) == []
    run = TrainingRun(
        id="old", state="promoted", base_model="tiny", method="kto", pairs=3, planned_ms=1,
        read={"0": 9, "1": 9, "2": 9},
    )  # fmt: skip
    topics.run(run)
    for turn in "abc":
        topics.put(VERDICTS, turn, verdict(turn, 8.0))
    assert worker.look(NOON) == []
    assert (examples.new(worker.table).number, examples.count(worker.table)) == (0, 3)


# When


def test_only_inside_the_window() -> None:
    topics, worker = world(window="01:00-06:00")
    for name in "abc":
        topics.pair(name)
    assert worker.look(NOON) == []
    start = worker.trigger.next_start(worker.table)
    assert start is not None
    assert datetime.fromtimestamp(start.at_ms / 1000) == datetime(2026, 1, 6, 1)
    assert worker.look(start.at_ms - 1) == []
    assert len(worker.look(start.at_ms)) == 1


def test_only_so_long_after_the_last_start() -> None:
    topics, worker = world(min_between="12h")
    end(topics, start_one(topics, worker, "a"))
    for number in range(3):
        topics.pair(f"b{number}")
    assert worker.look(NOON + 12 * HOUR - 1) == []
    start = worker.trigger.next_start(worker.table)
    assert (start and start.why, start and start.at_ms) == ("threshold", NOON + 12 * HOUR)
    assert len(worker.look(NOON + 12 * HOUR)) == 1


def test_the_schedule_needs_one_new_pair_only() -> None:
    topics, worker = world(schedule="0 3 * * *")
    three = int(datetime(2026, 1, 6, 3).timestamp() * 1000)
    assert worker.look(three) == []
    topics.pair("a", at_ms=NOON)
    assert worker.look(three - 1) == []
    (run,) = worker.look(three)
    assert run.pairs == 1
    end(topics, run, three)
    assert worker.look(three + 24 * HOUR) == []


def test_a_moment_of_the_schedule_that_was_slept_through_is_made_up_for() -> None:
    topics, worker = world(schedule="0 3 * * *")
    topics.pair("a", at_ms=NOON)
    assert len(worker.look(NOON + 30 * HOUR)) == 1


def test_never_two_at_once() -> None:
    topics, worker = world()
    run = start_one(topics, worker, "a")
    for number in range(9):
        topics.pair(f"b{number}")
    for state in ("waiting", "running", "evaluating"):
        assert worker.look(NOON) == []
        run = advance(run, state, NOON)  # type: ignore[arg-type]
        topics.run(run)
    assert worker.look(NOON) == []
    topics.run(advance(run, "refused", NOON, candidate="model"))
    assert len(worker.look(NOON)) == 1


# Again


def running(topics: Topics, run: TrainingRun) -> TrainingRun:
    run = advance(advance(run, "waiting", NOON), "running", NOON)
    topics.run(run)
    return run


def test_a_failed_attempt_is_made_again_after_its_wait() -> None:
    topics, worker = world()
    run = running(topics, start_one(topics, worker, "a"))
    topics.run(fail(run, "no space", NOON, retries=3, backoff=600))
    assert worker.look(NOON + 599_999) == []
    (again,) = worker.look(NOON + 600_000)
    assert (again.id, again.state, again.attempt, again.reason) == (run.id, "planned", 2, "")


def test_a_retry_keeps_to_the_window_but_not_what_a_person_has_asked_for() -> None:
    night = int(datetime(2026, 1, 6, 2).timestamp() * 1000)
    topics, worker = world(window="01:00-06:00")
    run = running(topics, start_one(topics, worker, "a", night))
    topics.run(fail(run, "no space", night + 3 * HOUR, retries=3, backoff=3 * 3600))
    assert worker.look(night + 6 * HOUR) == []
    (again,) = worker.look(night + 24 * HOUR)
    topics.run(give_up(again, "x", night + 24 * HOUR))
    topics.ask("resume", run.id, night + 30 * HOUR)
    (resumed,) = worker.look(night + 30 * HOUR)
    assert (resumed.id, resumed.attempt, resumed.state) == (run.id, 1, "planned")


def test_a_postponed_run_waits_on() -> None:
    topics, worker = world()
    run = start_one(topics, worker, "a")
    topics.run(postpone(run, "spark1 is not free", NOON, NOON + 600_000))
    assert worker.look(NOON + 599_999) == []
    (again,) = worker.look(NOON + 600_000)
    assert (again.state, again.attempt, again.retry_ms, again.reason) == ("waiting", 1, None, "")


def test_an_evaluation_that_waits_for_judges_goes_on_at_any_hour() -> None:
    night = int(datetime(2026, 1, 6, 2).timestamp() * 1000)
    topics, worker = world(window="01:00-06:00")
    run = advance(running(topics, start_one(topics, worker, "a", night)), "evaluating", night)
    topics.run(postpone(run, "judges are away", night, night + 8 * HOUR))
    (again,) = worker.look(night + 8 * HOUR)
    assert (again.state, again.retry_ms) == ("evaluating", None)


def test_a_run_that_has_failed_for_good_waits_for_a_person() -> None:
    topics, worker = world()
    run = running(topics, start_one(topics, worker, "a"))
    topics.run(fail(run, "no space", NOON, retries=0, backoff=1))
    assert worker.look(NOON + 100 * HOUR) == []
    asked = topics.ask("resume", run.id, NOON)
    (again,) = worker.look(NOON)
    assert (again.id, again.request, again.attempt) == (run.id, asked, 1)
    assert worker.look(NOON + HOUR) == []


# What a person asks


def test_a_person_need_not_wait_for_threshold_window_or_rest() -> None:
    topics, worker = world(window="01:00-06:00", min_between="12h", min_pairs=100)
    topics.pair("a")
    assert worker.look(NOON) == []
    asked = topics.ask("now", at_ms=NOON)
    (run,) = worker.look(NOON)
    assert (run.pairs, run.request) == (1, asked)
    end(topics, run)
    assert worker.look(NOON + HOUR) == []


def test_nothing_starts_without_a_pair() -> None:
    topics, worker = world()
    topics.ask("now", at_ms=NOON)
    assert worker.look(NOON) == []


def test_the_same_pairs_once_more_are_another_run_if_a_person_asks() -> None:
    topics, worker = world()
    first = start_one(topics, worker, "a")
    end(topics, first)
    topics.ask("now", at_ms=NOON + 1)
    (second,) = worker.look(NOON + 1)
    assert second.id != first.id
    assert second.pairs == 0
    end(topics, second)
    assert worker.look(NOON + 2) == []


def test_a_request_waits_for_the_run_under_way() -> None:
    topics, worker = world()
    first = start_one(topics, worker, "a")
    topics.ask("now", at_ms=NOON)
    assert worker.look(NOON) == []
    end(topics, first)
    assert len(worker.look(NOON)) == 1


def test_a_stop_is_for_the_run_as_it_was_and_not_for_what_comes_after() -> None:
    topics, worker = world()
    run = running(topics, start_one(topics, worker, "a"))
    topics.ask("stop", run.id, NOON)
    worker.read()
    assert book.stop_asked(run.id, worker.table)
    topics.run(give_up(run, "stopped", NOON))
    topics.ask("stop", run.id, NOON)
    topics.ask("resume", run.id, NOON)
    worker.look(NOON)
    assert not book.stop_asked(run.id, worker.table)


@pytest.mark.parametrize("request_", ["stop", "resume"])
def test_what_can_not_be_done_is_passed_over(request_: str) -> None:
    topics, worker = world()
    topics.ask(request_, "no such run", NOON)
    run = start_one(topics, worker, "a")
    end(topics, run)
    topics.ask(request_, run.id, NOON)
    assert worker.look(NOON) == []
    assert worker.under_way() is None


# Whatever is killed

ENDS: dict[str, Callable[[TrainingRun, int], TrainingRun]] = {
    "promoted": lambda run, now: advance(run, "promoted", now),
    "refused": lambda run, now: advance(run, "refused", now, candidate="m"),
    "failed": lambda run, now: fail(run, "x", now, retries=1, backoff=1),
}


def play(script: list[tuple[str, str]], dice: Random | None) -> list[tuple[str, TrainingState]]:
    """Play a history and return the states that the topic tells of, in their order.

    With dice, the worker dies at any point, before or after it has published, and may lose its
    table; and what it reads again comes in another order.
    """
    topics = Topics()
    worker = Worker(topics, train(), dice)
    told: list[tuple[str, TrainingState]] = []

    def tell(run: TrainingRun) -> None:
        topics.run(run)
        told.append((run.id, run.state))

    for number, (what, name) in enumerate([*script, ("look", "")]):
        now = NOON + number * 10_000
        if dice and dice.random() < 0.4:
            worker.read()
            if dice.random() < 0.5:
                worker.commit()
            worker.crash(lost=dice.random() < 0.3)
        if what == "pair":
            topics.pair(name, now)
        elif what == "gone":
            topics.gone(name, now)
        elif what == "look":
            dies = dice.choice(["", "before", "after"]) if dice else ""
            started = worker.look(now, dies=dies)
            if dies == "before":
                # Nobody has seen it; after its restart it does it.
                started = worker.look(now)
            told += [(run.id, run.state) for run in started]
        elif (run := worker.under_way()) is not None and run.retry_ms is None:
            for state in ("waiting", "running", "evaluating"):
                if dice and dice.random() < 0.2:
                    worker.crash(lost=dice.random() < 0.5)
                    again = worker.under_way()
                    assert again is not None
                    assert (again.id, again.state) == (run.id, run.state)
                run = advance(run, state, now)  # type: ignore[arg-type]
                tell(run)
            tell(ENDS[what](run, now))
    return told


names = st.sampled_from("abcdefghijkl")
moves = st.one_of(
    st.tuples(st.just("pair"), names),
    st.tuples(st.just("pair"), names),
    st.tuples(st.just("gone"), names),
    st.tuples(st.just("look"), st.just("")),
    st.tuples(st.sampled_from(sorted(ENDS)), st.just("")),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(moves, max_size=40), st.randoms(use_true_random=False))
def test_any_crash_in_any_order_leads_to_the_same_runs(
    script: list[tuple[str, str]], dice: Random
) -> None:
    calm = play(script, None)
    assert play(script, dice) == calm
    open_run = ""
    for run, state in calm:
        assert open_run in ("", run), "two runs at once"
        open_run = "" if state in ("promoted", "refused") else run
        if state == "failed":
            open_run = run if calm.count((run, "failed")) == 1 else ""


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(names, st.booleans()), max_size=40), st.randoms(use_true_random=False))
def test_the_count_is_that_of_the_pairs_that_are_there(
    history: list[tuple[str, bool]], dice: Random
) -> None:
    topics = Topics()
    worker = Worker(topics, train(min_pairs=1000), dice)
    there: set[str] = set()
    for name, comes in history:
        (topics.pair if comes else topics.gone)(name)
        (there.add if comes else there.discard)(name)
        if dice.random() < 0.3:
            worker.read()
    worker.read()
    assert examples.new(worker.table).number == examples.count(worker.table) == len(there)
    other = Worker(topics, train(min_pairs=1000), Random(1))
    other.read()
    assert examples.mark(other.table) == examples.mark(worker.table)
