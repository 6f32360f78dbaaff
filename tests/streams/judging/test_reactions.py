"""A judge that waits for what the user says next."""

from __future__ import annotations

import asyncio
import time

import pytest

from streams.judging import reactions
from tests.streams.judging.conftest import Desk, turns


def recent(count: int, **fields: object) -> list:  # type: ignore[type-arg]
    """Turns that have ended just now."""
    now = int(time.time() * 1000)
    return [turn.model_copy(update={"ended_ms": now}) for turn in turns(count, **fields)]


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reactions, "LOOK_EVERY", 0.02)


def shown(desk: Desk) -> dict[str, bool]:
    """By request: whether the judge was shown what the user said next."""
    return {
        each.prompt.partition("THE USER'S REQUEST\n| ")[2].partition("\n")[0]: (
            "WHAT THE USER WROTE NEXT" in each.prompt
        )
        for each in desk.fake.asked
    }


async def test_a_judge_that_does_not_wait_judges_at_once(desk: Desk) -> None:
    await desk.come(recent(1))
    await desk.start()
    await desk.until_judged(1)
    assert shown(desk) == {"turn 0": False}


async def test_the_reaction_ends_the_wait(desk: Desk) -> None:
    first, second = recent(2)
    await desk.start(reaction_wait=60)
    await desk.come([first, second])
    await asyncio.sleep(0.3)
    assert await desk.judgements() == []
    await desk.react(first, "thanks")
    (judged,) = await desk.until_judged(1)
    assert judged.turn_id == first.id
    assert shown(desk) == {"turn 0": True}


async def test_without_one_the_turn_is_judged_when_the_time_is_over(desk: Desk) -> None:
    await desk.come(recent(1))
    began = time.monotonic()
    await desk.start(reaction_wait=0.7)
    await desk.until_judged(1)
    assert time.monotonic() - began > 0.5
    assert shown(desk) == {"turn 0": False}


async def test_those_that_wait_hold_up_no_other(desk: Desk) -> None:
    waiting = recent(120)
    old = turns(130)[120:]
    await desk.come([*waiting, *old])
    await desk.start(reaction_wait=60)
    judged = await desk.until_judged(10)
    assert {each.turn_id for each in judged} == {turn.id for turn in old}


async def test_a_turn_of_long_ago_waits_for_nothing_and_sees_what_was_said(desk: Desk) -> None:
    first, second = (turn.model_copy(update={"ended_ms": 1}) for turn in turns(2))
    await desk.react(first, "no, the other one")
    await desk.react(first, "and later, on another branch")
    await desk.come([first, second])
    await desk.start(reaction_wait=3600)
    await desk.until_judged(2)
    assert shown(desk) == {"turn 0": True, "turn 1": False}
    assert "no, the other one" in desk.fake.asked[0].prompt + desk.fake.asked[1].prompt


@pytest.mark.parametrize("closed_by", ["ended", "branch"])
async def test_no_reaction_is_expected_where_none_can_come(desk: Desk, closed_by: str) -> None:
    await desk.come(recent(1, closed_by=closed_by))
    await desk.start(reaction_wait=60)
    await desk.until_judged(1)


async def test_a_restart_forgets_no_turn_that_waits(desk: Desk) -> None:
    first, second = recent(2)
    await desk.come([first, second])
    await desk.start(reaction_wait=60)
    await asyncio.sleep(0.3)
    await desk.stop()
    await desk.react(first, "thanks")
    await desk.start(reaction_wait=60)
    await desk.until_judged(1)
    await desk.react(second, "no")
    await desk.until_judged(2)
    assert shown(desk) == {"turn 0": True, "turn 1": True}


async def test_beyond_a_number_of_waiting_turns_the_next_is_judged_as_it_is(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reactions, "MOST_WAITING", 2)
    await desk.come(recent(3))
    await desk.start(reaction_wait=60)
    await desk.until_judged(1)
    assert len(shown(desk)) == 1
