"""How the stage of a slow judge treats turns: each judged once, none waiting for another."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from typing import Any

import pytest

from agents.judges.fake import Act, Asked, plausible
from agents.judges.llm import PROBE
from schemas.judgement import Judgement, judgement_id
from schemas.reaction import Reaction
from schemas.turn import Turn
from streams.flow import Outgoing
from streams.judging import JudgeStage, ledger, stage
from streams.status.judges import read_judges
from tests.streams.judging.conftest import Desk, turns


def slow(seconds: float) -> Any:
    return lambda asked: dataclasses.replace(plausible(asked), seconds=seconds)


async def test_as_many_at_once_as_the_judge_can_take(desk: Desk) -> None:
    busiest = 0

    def script(asked: Asked) -> Act:
        nonlocal busiest
        busiest = max(busiest, desk.fake._inside)
        return slow(0.02)(asked)

    desk.fake.script = script
    await desk.come(turns(40))
    await desk.start(concurrency=4)
    judged = await desk.until_judged(40)
    assert busiest == 4
    assert {each.turn_id for each in judged} == {turn.id for turn in turns(40)}
    assert set(desk.asked().values()) == {1}


async def test_a_slow_turn_holds_up_no_other(desk: Desk) -> None:
    def script(asked: Asked) -> Act:
        return Act(hang=True) if "turn 0\n" in asked.prompt else plausible(asked)

    desk.fake.script = script
    await desk.come(turns(30))
    await desk.start(concurrency=2)
    judged = await desk.until_judged(29)
    assert turns(1)[0].id not in {each.turn_id for each in judged}


async def test_a_restart_asks_nothing_again(desk: Desk) -> None:
    await desk.come(turns(10))
    await desk.start()
    await desk.until_judged(10)
    await desk.stop()
    await desk.come(turns(12))
    await desk.start()
    await desk.until_judged(12)
    await desk.until_idle()
    assert set(desk.asked().values()) == {1}
    assert len(await desk.judgements()) == 12


async def test_a_lost_table_asks_nothing_again(desk: Desk) -> None:
    import shutil

    await desk.come(turns(10))
    await desk.start()
    await desk.until_judged(10)
    await desk.stop()
    shutil.rmtree(desk.settings.paths.home / "tables")
    await desk.come(turns(10))
    await desk.start()
    await desk.until_idle()
    assert set(desk.asked().values()) == {1}
    assert len(await desk.judgements()) == 10


async def test_what_somebody_else_has_had_judged_meanwhile_is_not_asked(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "FRESH", 0.01)
    first, second = turns(2)
    desk.fake.script = slow(0.2)
    await desk.start()
    await desk.come([first])
    await asyncio.sleep(0.05)
    assert desk.stage is not None
    said = desk.stage._judge.abstention(second, "length", "by a replay")
    await desk.broker.publish([Outgoing("judgements", second.id.encode(), said.to_bytes())])
    await desk.come([second])
    await desk.until_idle()
    assert desk.asked() == {"turn 0": 1}


async def test_a_turn_that_stood_ready_for_long_is_looked_up_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "STALE", 0.05)
    monkeypatch.setattr(ledger, "FRESH", 0.01)
    first, second = turns(2)
    desk.fake.script = slow(0.3)
    await desk.start()
    await desk.come([first])
    await asyncio.sleep(0.05)
    await desk.come([second])
    await asyncio.sleep(0.1)
    assert desk.stage is not None
    said = desk.stage._judge.abstention(second, "length", "by a replay")
    await desk.broker.publish([Outgoing("judgements", second.id.encode(), said.to_bytes())])
    await desk.until_idle()
    assert desk.asked() == {"turn 0": 1}


async def test_the_same_turn_twice_at_once_is_asked_once(desk: Desk) -> None:
    desk.fake.script = slow(0.1)
    (turn,) = turns(1)
    await desk.come([turn, turn, turn])
    await desk.start(concurrency=4)
    await desk.until_idle()
    assert desk.asked() == {"turn 0": 1}
    assert len(await desk.judgements()) == 1


async def test_an_answer_that_was_not_published_is_published_and_not_asked_for(desk: Desk) -> None:
    (turn,) = turns(1)
    await desk.come([turn])

    async def dies(*_: object) -> None:
        raise OSError("killed here")

    made = await desk.start()
    made._outbox._send = dies  # type: ignore[assignment]
    with pytest.raises(OSError, match="killed here"):
        await asyncio.wait_for(made.failed, 10)
    await desk.stop()
    assert await desk.judgements() == []
    await desk.start()
    (judged,) = await desk.until_judged(1)
    assert judged.status == "scored"
    assert desk.asked() == {"turn 0": 1}


async def test_what_is_no_turn_goes_to_the_dead_letters(desk: Desk) -> None:
    await desk.broker.publish([Outgoing("candidates", b"x", b'{"id": 1}')])
    await desk.come(turns(1))
    await desk.start()
    await desk.until_idle()
    (letter,) = [json.loads(value) for value in await desk.records("deadletters")]
    assert letter["stage"] == "judge.llm"
    assert len(await desk.judgements()) == 1


class Broken:
    """A judge with a mistake in it: some turns make it fail."""

    name, model, rubric, concurrency = "llm", "m", "v1", 2

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.tries = 0

    async def judge(self, turn: Turn, reaction: Reaction | None = None) -> Judgement:  # noqa: ARG002
        self.tries += 1
        if self.tries <= self.failures:
            raise KeyError("no such thing")
        return self.abstention(turn, "fine", "")

    async def check(self) -> None: ...

    def abstention(self, turn: Turn, reason: str, detail: str) -> Judgement:
        return Judgement(
            id=judgement_id(turn.id, self.name, self.model, self.rubric),
            turn_id=turn.id,
            judge=self.name,
            kind="llm",
            model=self.model,
            rubric=self.rubric,
            status="abstained",
            reason=reason,
            rationale=detail,
        )

    async def aclose(self) -> None: ...


@pytest.mark.parametrize(("failures", "reason"), [(2, "fine"), (3, "failed")])
async def test_a_mistake_of_ours_ends_as_an_abstention(
    desk: Desk, failures: int, reason: str
) -> None:
    await desk.come(turns(1))
    await desk.start(Broken(failures))
    (judged,) = await desk.until_judged(1)
    assert judged.reason == reason
    if reason == "failed":
        assert judged.rationale == "KeyError: 'no such thing'"


async def test_it_says_how_it_stands(desk: Desk) -> None:
    home = desk.settings.paths.home
    names = frozenset({"llm"})

    async def says(**wanted: object) -> None:
        async def so() -> bool:
            states = read_judges(home, names)
            return bool(states) and all(getattr(states[0], k) == v for k, v in wanted.items())

        await desk.until(so)

    def script(asked: Asked) -> Act:
        first = asked.body["messages"][1]["content"]
        return Act("8/10") if "turn 1\n" in first else plausible(asked)

    desk.fake.script = script
    await desk.come(turns(5))
    await desk.start(concurrency=2)
    await says(scored=4, abstained={"unreadable": 1}, asking=0, concurrency=2)
    (state,) = read_judges(home, names)
    assert state.tokens_in > 5_000
    assert state.tokens_out > 100
    await desk.stop()
    await desk.fake.__aexit__()
    await desk.come(turns(6))
    await desk.start(concurrency=2)
    await says(scored=4, asking=1)
    assert read_judges(home, frozenset({"other"})) == []


async def test_the_short_question_is_no_turn(desk: Desk) -> None:
    made = await desk.start()
    assert isinstance(made, JudgeStage)
    await made._judge.check()
    assert desk.fake.asked[0].prompt == PROBE[0].content
    assert not desk.asked()
