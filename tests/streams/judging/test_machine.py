"""A judge whose machine a training run wants, and gives back."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.judges.fake import Act, plausible
from schemas.settings import Host, ModelJudge, Settings, Train
from streams.judging import machine
from streams.judging import stage as judging
from streams.judging.machine import wanted_for
from streams.status.judges import read_judges
from streams.training.handover import Handover, Postponed, undo_leftovers
from tests.streams.judging.conftest import Desk, turns

HERE = Host(name="here")


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "LOOK_EVERY", 0.02)


def wishing(desk: Desk, **train: object) -> Settings:
    """Return the settings of a driver that wants the machine of the desk's judge."""
    judge = ModelJudge(kind="ollama", name="llm", url=desk.fake.url, model="fake-judge")
    return desk.settings.model_copy(update={"judges": (judge,), "train": Train(**train)})


def hold(desk: Desk, **train: object) -> Handover:
    return Handover(wishing(desk, **train), "run12345678", [HERE])


class Held:
    """Keeps the machine at its turns until it is let go."""

    def __init__(self, desk: Desk) -> None:
        self.begun = 0
        self.go = asyncio.Event()
        self._infer: Callable[..., object] = desk.fake._infer
        desk.fake._infer = self.infer  # type: ignore[method-assign]

    async def infer(self, *arguments: object) -> object:
        self.begun += 1
        await self.go.wait()
        return await self._infer(*arguments)  # type: ignore[misc]


def paused(desk: Desk) -> str:
    found = read_judges(desk.settings.paths.home, frozenset({"llm"}))
    return found[0].paused if found else ""


async def test_turns_in_hand_are_finished_and_no_other_is_begun(desk: Desk) -> None:
    held = Held(desk)
    await desk.come(turns(9))
    await desk.start(concurrency=2)

    async def at_work() -> bool:
        return held.begun == 2

    await desk.until(at_work)
    driver = asyncio.create_task(hold(desk).__aenter__())

    async def wanted() -> bool:
        return "training run run12345" in wanted_for(desk.settings.paths.home, "llm")

    await desk.until(wanted)
    held.go.set()
    taken = await driver
    # Both turns are answered and nothing else is asked, however long the run takes.
    assert len(await desk.until_judged(2)) == 2
    assert desk.fake.loaded == set()
    for _ in range(20):
        await asyncio.sleep(machine.LOOK_EVERY)
    assert held.begun == 2
    await taken.__aexit__()
    judged = await desk.until_judged(9)
    await desk.until_idle()
    assert len({each.id for each in judged}) == len(await desk.judgements()) == 9
    assert set(desk.asked().values()) == {1}


async def test_the_stage_says_why_it_waits_and_is_not_taken_for_one_that_hangs(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[bool] = []
    monkeypatch.setattr(judging.leash, "paused", lambda _, *, yes: told.append(yes))
    await desk.start()
    async with hold(desk):

        async def says() -> bool:
            return paused(desk) == "training run run12345 has here"

        await desk.until(says)
        assert told[-1] is True

    async def says_no_more() -> bool:
        return paused(desk) == ""

    await desk.until(says_no_more)
    assert told[-1] is False


async def test_a_stage_that_starts_during_a_run_waits_for_its_end(desk: Desk) -> None:
    async with hold(desk):
        await desk.come(turns(3))
        await desk.start()
        for _ in range(20):
            await asyncio.sleep(machine.LOOK_EVERY)
        assert desk.fake.count == 0
    await desk.until_judged(3)


async def test_judges_go_on_when_the_run_fails(desk: Desk) -> None:
    async def fail() -> None:
        async with hold(desk):
            await desk.come(turns(2))
            raise ZeroDivisionError

    await desk.start()
    with pytest.raises(ZeroDivisionError):
        await fail()
    await desk.until_judged(2)


async def test_a_driver_that_is_killed_lets_the_judges_go(desk: Desk, tmp_path: Path) -> None:
    cleared = tmp_path / "cleared"
    home = str(desk.settings.paths.home)
    driver = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.holding", home, desk.fake.url),
        *(f"touch {cleared}", f"rm {cleared}"),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    assert driver.stdout is not None
    assert await driver.stdout.readline() == b"held\n"
    await desk.come(turns(4))
    await desk.start()
    for _ in range(10):
        await asyncio.sleep(machine.LOOK_EVERY)
    assert await desk.judgements() == []
    driver.send_signal(signal.SIGKILL)
    await driver.wait()
    await desk.until_judged(4)
    # What it had cleared away is put back by the next driver.
    assert cleared.exists()
    assert await undo_leftovers(wishing(desk)) == ["here is as it was before run run1"]
    assert not cleared.exists()
    assert await undo_leftovers(wishing(desk)) == []


async def test_a_judge_that_does_not_finish_in_time_postpones_the_run(desk: Desk) -> None:
    held = Held(desk)
    await desk.come(turns(3))
    await desk.start()

    async def at_work() -> bool:
        return held.begun == 1

    await desk.until(at_work)
    says = r"judge llm is still at a turn after 0\.1 s \(train\.free_patience\)"
    with pytest.raises(Postponed, match=says):
        async with hold(desk, free_patience=0.1):
            pass
    held.go.set()
    await desk.until_judged(3)


async def test_a_judge_that_waits_for_its_machine_to_come_back_holds_no_run_up(desk: Desk) -> None:
    desk.fake.script = lambda _: Act("server busy", status=503)
    await desk.come(turns(2))
    await desk.start()

    async def away() -> bool:
        return "503" in paused(desk)

    await desk.until(away)
    async with hold(desk):
        desk.fake.script = plausible
        asked = desk.fake.count
        for _ in range(20):
            await asyncio.sleep(machine.LOOK_EVERY)
        assert desk.fake.count == asked
    await desk.until_judged(2)


async def test_a_model_that_does_not_leave_the_memory_postpones_the_run(desk: Desk) -> None:
    desk.fake.sticks = True
    desk.fake.loaded.add("fake-judge")
    with pytest.raises(Postponed, match="still has fake-judge in memory"):
        async with hold(desk, free_patience=0.2):
            pass


async def test_a_judge_on_another_machine_is_left_alone(desk: Desk) -> None:
    await desk.come(turns(2))
    other = Host(name="spark9", address="me@spark9")
    async with Handover(wishing(desk), "run1", [other]):
        await desk.start()
        await desk.until_judged(2)


async def test_one_machine_is_given_to_one_run_at_a_time(desk: Desk) -> None:
    async with hold(desk):
        with pytest.raises(Postponed, match="another run holds the machine of judge llm"):
            async with hold(desk, free_patience=0.1):
                pass
    async with hold(desk):
        pass
