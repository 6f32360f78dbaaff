"""The stage `train`: what it starts, and that it goes on with it whatever happened."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from pathlib import Path

import pytest

from schemas.training import TrainingProgress
from streams.embedded.locks import FileLock
from streams.flow import Outgoing
from streams.replay.topics import scan
from streams.status.training import read_training
from streams.training.steps import Failed, Postponed
from tests.streams.training.conftest import Desk
from tests.streams.training.fakes import FakeSteps

WHOLE = ["planned", "waiting", "running", "evaluating", "promoted"]


async def test_enough_pairs_lead_to_a_model(desk: Desk) -> None:
    await desk.start()
    await desk.pairs("a", "b")
    await desk.pairs("c")
    promoted = await desk.until_state("promoted")
    assert await desk.states() == WHOLE
    assert promoted.pairs == 3
    assert desk.steps.done[0] == "begin"


async def test_the_next_run_waits_for_the_first(desk: Desk) -> None:
    await desk.start()
    desk.steps.hangs = {"train"}
    await desk.pairs("a", "b", "c")
    await desk.until_state("running")
    await desk.pairs("d", "e", "f", "g")
    await asyncio.sleep(0.3)
    assert (await desk.states()).count("planned") == 1
    await desk.stop()
    await desk.start()
    await desk.until_state("promoted", 2)
    planned = [run for run in await desk.told() if run.state == "planned"]
    assert sorted(run.pairs for run in planned) == [3, 4]


@pytest.mark.parametrize("step", ["snapshot", "hold", "train", "measure", "decide"])
@pytest.mark.parametrize("lost", [False, True], ids=["table kept", "table lost"])
async def test_a_run_goes_on_after_a_restart(desk: Desk, step: str, lost: bool) -> None:
    await desk.start()
    desk.steps.hangs = {step}
    await desk.pairs("a", "b", "c")
    await asyncio.wait_for(desk.steps.at.wait(), 60)
    await desk.stop()
    if lost:
        shutil.rmtree(desk.settings.paths.home / "tables")
    await desk.start()
    await desk.until_state("promoted")
    told = await desk.told()
    assert len({run.id for run in told}) == 1
    assert Counter(run.state for run in told)["planned"] == 1
    assert {run.attempt for run in told} == {1}


async def test_a_failed_run_is_tried_again_and_then_left(tmp_path: Path) -> None:
    desk = Desk(tmp_path, retries=1, backoff="50ms")
    steps = FakeSteps()
    steps.raises["train"] = Failed("rank 1 ran out of memory")
    await desk.start(steps)
    await desk.pairs("a", "b", "c")
    left = await desk.until_state("failed", 2)
    assert left.reason.startswith("rank 1 ran out of memory (2 attempts); `clawback train resume")
    assert left.retry_ms is None
    steps.raises.clear()
    await desk.ask("resume", left.id)
    await desk.until_state("promoted")
    assert [run.attempt for run in await desk.told() if run.state == "planned"] == [1, 2, 1]
    await desk.stop()
    desk.broker.close()


async def test_a_postponed_run_is_tried_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path, backoff="50ms")
    steps = FakeSteps()
    steps.raises["hold"] = Postponed("spark1 has 3 of 90 GB free")
    await desk.start(steps)
    await desk.pairs("a", "b", "c")
    await desk.until_state("waiting", 3)
    steps.raises.clear()
    await desk.until_state("promoted")
    assert {run.attempt for run in await desk.told()} == {1}
    await desk.stop()
    desk.broker.close()


async def test_a_person_stops_a_run_and_has_it_go_on(desk: Desk) -> None:
    await desk.start()
    desk.steps.hangs = {"train"}
    await desk.pairs("a", "b", "c")
    running = await desk.until_state("running")
    await desk.ask("stop", running.id)
    stopped = await desk.until_state("failed")
    assert stopped.reason.startswith("stopped by a person; `clawback train resume")
    assert desk.steps.held == 0
    desk.steps.hangs = set()
    await desk.ask("resume", running.id)
    await desk.until_state("promoted")


async def test_a_run_that_waits_for_its_retry_can_be_stopped(tmp_path: Path) -> None:
    desk = Desk(tmp_path, backoff="1h")
    steps = FakeSteps()
    steps.raises["train"] = Failed("no space")
    await desk.start(steps)
    await desk.pairs("a", "b", "c")
    failed = await desk.until_state("failed")
    assert failed.retry_ms is not None
    await desk.ask("stop", failed.id)
    assert (await desk.until_state("failed", 2)).retry_ms is None
    await desk.stop()
    desk.broker.close()


async def test_a_person_need_not_wait_for_the_threshold(desk: Desk) -> None:
    await desk.start()
    await desk.pairs("a")
    await desk.ask("now")
    assert (await desk.until_state("promoted")).pairs == 1


async def test_nothing_is_driven_while_another_process_drives(desk: Desk) -> None:
    folder = desk.settings.paths.home / "training"
    folder.mkdir(parents=True)
    other = FileLock(folder / "driver.lock")
    assert other.try_acquire()
    await desk.start()
    await desk.pairs("a", "b", "c")
    await desk.until_state("planned")
    await asyncio.sleep(0.3)
    assert desk.steps.done == []
    other.close()
    await desk.until_state("promoted")


async def test_only_the_worker_with_the_first_partition_decides_and_drives(desk: Desk) -> None:
    stage = await desk.start()
    await desk.pairs("z")
    desk.steps.hangs = {"train"}
    await desk.pairs("a", "b")
    await desk.until_state("running")
    stage._partitions = frozenset({1})
    stage.assigned()
    await desk.until(lambda: _is(desk.steps.held == 0), "the run is let go")
    await asyncio.sleep(0.2)
    assert (await desk.states())[-1] == "running"
    desk.steps.hangs = set()
    stage._partitions = frozenset({0})
    stage.assigned()
    await desk.until_state("promoted")


async def test_what_another_worker_was_given_is_read_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.stages.train.READ_EVERY", 0.05)
    stage = await desk.start()
    await desk.until(lambda: _is(bool(stage._partitions)), "partitions are assigned")
    stage._partitions = frozenset({0})
    stage.assigned()
    # As if the consumer got nothing of the other partition.
    await desk.pairs(*"abcdef")
    await desk.until_state("promoted")


async def test_what_can_not_be_read_is_a_dead_letter_and_holds_up_nothing(desk: Desk) -> None:
    await desk.start()
    await desk.broker.publish([Outgoing("training", b"x", b"no json")])
    await desk.pairs("a", "b", "c")

    async def buried() -> bool:
        found = [
            record.value
            for number in range(2)
            async for record in scan(desk.broker, "deadletters", number)
        ]
        return any(b'"stage":"train"' in (value or b"") for value in found)

    await desk.until(buried, "there is a dead letter")
    assert desk.stage is not None
    assert not desk.stage.failed.done()


async def test_the_state_is_written_down_for_who_looks(desk: Desk) -> None:
    home = desk.settings.paths.home
    await desk.start()
    desk.steps.progress = [TrainingProgress(step=3, steps=9, loss=0.6, accuracy=0.75)]
    desk.steps.hangs = {"train"}
    await desk.pairs("a", "b", "c")

    async def trains() -> bool:
        state = read_training(home)
        return state is not None and state.run is not None and state.run.step == 3

    await desk.until(trains, "its step is told")
    state = read_training(home)
    assert state is not None
    assert state.run is not None
    assert (state.run.state, state.run.doing, state.driven) == ("running", "trains", True)
    assert (state.run.steps, state.run.loss, state.run.accuracy) == (9, 0.6, 0.75)
    await desk.stop()
    await desk.start()
    await desk.pairs("d")

    async def over() -> bool:
        state = read_training(home)
        return state is not None and state.run is None and state.new == 1

    await desk.until(over, "the run is over and a pair is new")
    state = read_training(home)
    assert state is not None
    assert (state.threshold, state.next_ms, state.why) == (3, None, "")


async def _is(value: bool) -> bool:
    return value
