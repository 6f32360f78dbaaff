"""A machine that is down, a machine that comes back, and a turn that takes it down."""

from __future__ import annotations

import asyncio

from agents.judges.fake import Act, Asked, FakeJudge, plausible
from agents.judges.llm import PROBE
from streams.status.judges import read_judges
from tests.streams.judging.conftest import Desk, turns


async def test_no_turn_is_given_up_while_the_machine_is_down(desk: Desk) -> None:
    await desk.fake.__aexit__()
    await desk.come(turns(8))
    await desk.start(concurrency=3)
    home, names = desk.settings.paths.home, frozenset({"llm"})

    async def paused() -> bool:
        return any("can't be reached" in state.paused for state in read_judges(home, names))

    await desk.until(paused)
    assert await desk.judgements() == []
    desk.fake._connections.clear()
    async with desk.fake:
        judged = await desk.until_judged(8)
        assert {each.status for each in judged} == {"scored"}

        async def works() -> bool:
            return all(state.paused == "" for state in read_judges(home, names))

        await desk.until(works)


async def test_one_knocks_while_the_others_wait(desk: Desk) -> None:
    back = False

    def script(asked: Asked) -> Act:
        return plausible(asked) if back else Act("server busy", status=503)

    desk.fake.script = script
    await desk.come(turns(8))
    await desk.start(concurrency=4)

    async def knocked() -> bool:
        return sum(asked.prompt == PROBE[0].content for asked in desk.fake.asked) > 3

    await desk.until(knocked)
    # The four that met it first, and nobody after that but the short question.
    assert len(desk.asked()) <= 4
    back = True
    await desk.until_judged(8)


async def test_a_turn_that_takes_the_machine_down_ends_as_an_abstention(desk: Desk) -> None:
    """Whenever it is asked the server is gone for a while; short questions are answered."""

    def script(asked: Asked) -> Act:
        if "turn 2\n" in asked.prompt:
            return Act("loading model", status=503)
        return plausible(asked)

    desk.fake.script = script
    await desk.come(turns(6))
    await desk.start(concurrency=2)
    judged = {each.turn_id: each for each in await desk.until_judged(6)}
    poison = judged.pop(turns(3)[2].id)
    assert (poison.status, poison.reason) == ("abstained", "poison")
    assert "failed 3 times at this turn alone" in poison.rationale
    assert {each.status for each in judged.values()} == {"scored"}


async def test_a_hung_machine_is_a_machine_that_is_down(desk: Desk) -> None:
    hangs = True

    def script(asked: Asked) -> Act:
        return Act(hang=True) if hangs else plausible(asked)

    desk.fake.script = script
    await desk.come(turns(3))
    await desk.start(timeout=0.2)
    await asyncio.sleep(1.2)
    assert await desk.judgements() == []
    hangs = False
    judged = await desk.until_judged(3)
    assert {each.status for each in judged} == {"scored"}


async def test_two_judges_do_not_know_of_each_other(desk: Desk) -> None:
    async with FakeJudge() as other:
        await desk.fake.__aexit__()
        await desk.come(turns(5))
        first = await desk.start()
        second = await desk.start(name="well", url=other.url)
        judged = await desk.until_judged(5)
        assert {each.judge for each in judged} == {"well"}
        await second.stop()
        desk.stage = first
