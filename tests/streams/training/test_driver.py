"""Carrying a run through its steps, from wherever it stands."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from schemas.settings import Train
from schemas.training import TrainingProgress, TrainingRun, TrainingState
from streams.flow import BrokerError
from streams.training import driver as module
from streams.training.driver import Driver
from streams.training.steps import Failed, Postponed, Refused
from tests.streams.training.fakes import FakeSteps

ALL = ["plan", "snapshot", "plan", "hold", "train", "measure", "decide", "register", "promote"]


class World:
    """A driver, and what it tells."""

    def __init__(self, folder: Path, steps: FakeSteps, **train: object) -> None:
        self.steps = steps
        self.told: list[TrainingRun] = []
        settings = Train.model_validate({"backoff": "60s", "model": "tiny", **train})
        self.driver = Driver(steps, settings, folder, self.tell)

    async def tell(self, run: TrainingRun) -> None:
        self.told.append(run)

    @property
    def states(self) -> list[str]:
        return [run.state for run in self.told]


def run(state: TrainingState = "planned", **changes: object) -> TrainingRun:
    made = TrainingRun(id="ab" * 16, state=state, base_model="tiny", method="dpo", pairs=3)
    return made.model_copy(update=changes)


async def test_a_run_that_is_better_is_promoted(tmp_path: Path) -> None:
    world = World(tmp_path, FakeSteps())
    await world.driver.carry(run())
    assert world.steps.done == ALL
    assert world.states == ["waiting", "running", "evaluating", "promoted"]
    waiting, running, evaluating, promoted = world.told
    assert waiting.reason == "waits until spark1, spark2 are free"
    assert (waiting.snapshot, running.hosts) == ("f1", ("spark1", "spark2"))
    assert evaluating.hosts == ("spark1", "spark2")
    assert (promoted.candidate, promoted.hosts) == ("m1", ())
    assert promoted.reason == "better with 97 % confidence; Ollama is away"
    assert world.driver.run is None


async def test_a_run_that_is_not_is_kept_and_refused(tmp_path: Path) -> None:
    world = World(tmp_path, FakeSteps(promote=False))
    await world.driver.carry(run())
    assert world.steps.done == ALL[:-1]
    assert (world.told[-1].state, world.told[-1].candidate) == ("refused", "m1")


@pytest.mark.parametrize("step", ["snapshot", "plan", "hold", "train", "measure", "decide"])
async def test_it_goes_on_from_wherever_it_was_killed(tmp_path: Path, step: str) -> None:
    first = World(tmp_path, FakeSteps())
    first.steps.hangs = {step}
    carrying = asyncio.create_task(first.driver.carry(run()))
    await first.steps.at.wait()
    carrying.cancel()
    await asyncio.wait({carrying})
    assert first.steps.held == 0
    last = first.told[-1] if first.told else run()
    second = World(tmp_path, FakeSteps())
    await second.driver.carry(last)
    assert second.states[-1] == "promoted"
    once = [each for each in (*first.steps.done, *second.steps.done) if each == "train"]
    assert len(once) == (2 if step == "train" else 1)
    order = [*first.states, *second.states]
    assert sorted(set(order), key=order.index) == ["waiting", "running", "evaluating", "promoted"]


async def test_the_last_steps_are_done_again_and_lead_to_the_same(tmp_path: Path) -> None:
    world = World(tmp_path, FakeSteps())
    await world.driver.carry(run())
    again = World(tmp_path, FakeSteps())
    await again.driver.carry(world.told[-2])
    assert again.steps.done == ["decide", "register", "promote"]
    assert again.states == ["promoted"]


async def test_what_does_not_fit_is_refused_before_anything_starts(tmp_path: Path) -> None:
    world = World(tmp_path, FakeSteps())
    world.steps.raises["plan"] = Refused("20 GB are missing; qlora would fit")
    await world.driver.carry(run())
    assert world.states == ["refused"]
    assert world.told[0].reason == "20 GB are missing; qlora would fit"
    assert "hold" not in world.steps.done


@pytest.mark.parametrize(("step", "state"), [("hold", "waiting"), ("decide", "evaluating")])
async def test_what_is_not_free_is_waited_for(tmp_path: Path, step: str, state: str) -> None:
    world = World(tmp_path, FakeSteps())
    world.steps.raises[step] = Postponed("spark1 has 3 of 90 GB free")
    await world.driver.carry(run())
    last = world.told[-1]
    assert (last.state, last.reason) == (state, "spark1 has 3 of 90 GB free")
    assert last.retry_ms == last.at_ms + 60_000


async def test_a_host_that_lacks_something_postpones_a_run_that_had_begun(tmp_path: Path) -> None:
    world = World(tmp_path, FakeSteps())
    world.steps.raises["train"] = Postponed("spark1 can't be reached")
    await world.driver.carry(run())
    assert world.states == ["waiting", "running", "waiting"]
    assert world.told[-1].hosts == ()


@pytest.mark.parametrize("step", ["snapshot", "train", "measure", "register", "promote"])
async def test_a_failed_attempt_is_to_be_tried_again(tmp_path: Path, step: str) -> None:
    world = World(tmp_path, FakeSteps())
    world.steps.raises[step] = Failed("rank 0 ran out of memory")
    await world.driver.carry(run())
    last = world.told[-1]
    assert (last.state, last.reason) == ("failed", "rank 0 ran out of memory")
    assert last.retry_ms == last.at_ms + 60_000
    assert world.steps.held == 0


async def test_what_would_fail_again_is_not_tried_again(tmp_path: Path) -> None:
    world = World(tmp_path, FakeSteps())
    world.steps.raises["train"] = Failed("every row is too long", retry=False)
    await world.driver.carry(run())
    last = world.told[-1]
    assert (last.state, last.retry_ms) == ("failed", None)
    assert last.reason == "every row is too long; `clawback train resume abababab` goes on with it"


async def test_a_run_of_other_settings_is_not_gone_on_with(tmp_path: Path) -> None:
    world = World(tmp_path, FakeSteps(), tuning="full")
    await world.driver.carry(run("waiting"))
    last = world.told[-1]
    assert (last.state, last.retry_ms, world.steps.done) == ("failed", None, [])
    assert "planned as lora dpo of tiny, and the settings say full dpo of tiny now" in last.reason


async def test_a_mistake_in_a_step_fails_its_run_and_not_the_driver(tmp_path: Path) -> None:
    world = World(tmp_path, FakeSteps(), retries=0)
    world.steps.raises["measure"] = KeyError("logprobs")
    await world.driver.carry(run())
    assert world.told[-1].reason.startswith("KeyError: 'logprobs'; `clawback train resume")


async def test_a_broker_that_is_away_is_not_the_runs_fault(tmp_path: Path) -> None:
    world = World(tmp_path, FakeSteps())
    world.steps.raises["snapshot"] = BrokerError("no broker")
    with pytest.raises(BrokerError):
        await world.driver.carry(run())
    assert world.told == []


async def test_progress_is_told_now_and_then_and_the_last_one_always(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, FakeSteps())
    world.steps.progress = [TrainingProgress(step=n, steps=9, loss=0.7) for n in range(1, 10)]
    monkeypatch.setattr(module, "PROGRESS_EVERY", 3600.0)
    await world.driver.carry(run())
    assert world.states == ["waiting", "running", "running", "evaluating", "promoted"]
    steps = [told.progress.step if told.progress else None for told in world.told]
    assert steps == [None, None, 1, 9, None]
