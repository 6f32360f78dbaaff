"""A replay over an embedded broker: what is missing, what is made, what is joined."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from agents.ensemble import Edition, edition
from agents.judges.signals import SignalsJudge
from schemas.judgement import Judgement
from schemas.settings import ModelJudge, Settings
from schemas.topics import CANDIDATES, JUDGEMENTS, VERDICTS
from schemas.turn import Turn
from schemas.verdict import Verdict
from streams.broker import Broker
from streams.flow import Outgoing
from streams.replay.join import join
from streams.replay.plan import Plan, make_plan
from streams.replay.run import run
from streams.replay.select import Selection, selection
from streams.replay.topics import scan
from streams.stage import tables_path
from streams.stages.ensemble import VERSION
from streams.table import TableStore
from tests.support.turns import make_judgement, make_turn

TURNS = [make_turn(number, calls=1 + number % 3) for number in range(30)]


def editions(settings: Settings) -> dict[str, Edition]:
    return {panel.name: edition(panel, settings.judges) for panel in settings.panels}


async def fill(broker: Broker, settings: Settings, turns: list[Turn]) -> None:
    """Publish candidates and what the two old judges say of them."""
    judges = [SignalsJudge(judge) for judge in settings.judges[:2] if judge.kind == "signals"]
    await broker.publish([Outgoing(CANDIDATES, t.id.encode(), t.to_bytes()) for t in turns])
    await broker.publish(
        [
            Outgoing(JUDGEMENTS, turn.id.encode(), judge.judge_now(turn).to_bytes())
            for turn in turns
            for judge in judges
        ]
    )


async def plan_of(
    broker: Broker, settings: Settings, panel: str, chosen: Selection | None = None
) -> Plan:
    known = editions(settings)
    return await make_plan(
        broker, settings, known[panel], chosen or Selection(), fed_by=known["default"].label
    )


async def replay(broker: Broker, settings: Settings, plan: Plan) -> Counter[str]:
    seen: Counter[str] = Counter()
    assert await run(
        broker, settings, plan, lambda _, outcome: seen.update([outcome]), lambda _: None
    )
    return seen


async def read(broker: Broker, topic: str) -> list[bytes]:
    return [
        record.value or b"" for number in range(2) async for record in scan(broker, topic, number)
    ]


async def verdicts(broker: Broker, label: str) -> list[Verdict]:
    found = [Verdict.from_bytes(value) for value in await read(broker, VERDICTS)]
    return [verdict for verdict in found if verdict.label == label]


async def test_only_what_is_missing_is_made_and_all_is_joined(
    broker: Broker, settings: Settings
) -> None:
    await fill(broker, settings, TURNS)
    plan = await plan_of(broker, settings, "next")
    assert (plan.candidates, plan.selected, plan.calls) == (30, 30, 30)
    assert [(work.pin.judge, work.reused, len(work.missing)) for work in plan.works] == [
        ("a", 30, 0),
        ("c", 0, 30),
    ]
    before = await read(broker, JUDGEMENTS)
    assert await replay(broker, settings, plan) == {"asked": 30}
    made = [Judgement.from_bytes(value) for value in await read(broker, JUDGEMENTS)]
    assert len(made) == len(before) + 30
    label = editions(settings)["next"].label
    found = await verdicts(broker, label)
    assert {verdict.turn_id for verdict in found} == {turn.id for turn in TURNS}
    assert all({o.judge for o in verdict.opinions} == {"a", "c"} for verdict in found)
    # Nothing is left to do, and doing it again adds nothing.
    again = await plan_of(broker, settings, "next")
    assert again.calls == 0
    assert await replay(broker, settings, again) == {}
    assert len(await verdicts(broker, label)) == len(found)


async def test_both_panels_stand_side_by_side(broker: Broker, settings: Settings) -> None:
    await fill(broker, settings, TURNS[:4])
    for panel in ("default", "next"):
        await replay(broker, settings, await plan_of(broker, settings, panel))
    labels = {verdict.label for value in await read(broker, VERDICTS)
              for verdict in [Verdict.from_bytes(value)]}  # fmt: skip
    assert labels == {each.label for each in editions(settings).values()}


async def test_a_selection_bounds_the_calls(broker: Broker, settings: Settings) -> None:
    await fill(broker, settings, TURNS)
    # Judgements of `default` are joined first, so that `verdict.` has something to mean.
    await join(broker, settings, editions(settings)["default"])
    chosen = selection(None, None, (), "calls >= 3 and verdict.status = scored")
    plan = await plan_of(broker, settings, "next", chosen)
    assert (plan.selected, plan.calls) == (10, 10)
    await replay(broker, settings, plan)
    found = await verdicts(broker, editions(settings)["next"].label)
    assert len({verdict.turn_id for verdict in found}) == 10


async def test_stopped_anywhere_it_goes_on_and_pays_for_nothing_twice(
    broker: Broker, settings: Settings
) -> None:
    await fill(broker, settings, TURNS)
    plan = await plan_of(broker, settings, "next")
    task: asyncio.Task[bool] | None = None
    seen: Counter[str] = Counter()

    def done(_: str, outcome: str) -> None:
        seen[outcome] += 1
        if seen["asked"] == 7 and task is not None:
            task.cancel()

    task = asyncio.create_task(run(broker, settings, plan, done, lambda _: None))
    with pytest.raises(asyncio.CancelledError):
        await task
    published = len(await read(broker, JUDGEMENTS)) - 60
    assert 7 <= published <= 30
    rest = await make_plan(broker, settings, plan.edition, Selection(), fed_by="", ends=plan.ends)
    assert rest.calls == 30 - published
    await replay(broker, settings, rest)
    ids = [Judgement.from_bytes(value).id for value in await read(broker, JUDGEMENTS)]
    assert len(ids) == len(set(ids)) == 90


async def test_what_another_judged_meanwhile_is_not_judged_again(
    broker: Broker, settings: Settings
) -> None:
    await fill(broker, settings, TURNS[:6])
    plan = await plan_of(broker, settings, "next")
    pin = plan.edition.pins["c"]
    other = make_judgement(TURNS[0].id, "c", 5, model=pin.model, rubric=pin.rubric)
    await broker.publish([Outgoing(JUDGEMENTS, other.turn_id.encode(), other.to_bytes())])
    assert await replay(broker, settings, plan) == {"asked": 5, "spared": 1}


async def test_candidates_that_came_later_are_not_part_of_it(
    broker: Broker, settings: Settings
) -> None:
    await fill(broker, settings, TURNS[:6])
    plan = await plan_of(broker, settings, "next")
    await fill(broker, settings, TURNS[6:])
    known = editions(settings)
    again = await make_plan(broker, settings, known["next"], Selection(), fed_by="", ends=plan.ends)
    assert again.calls == plan.calls == 6


async def test_a_turn_that_is_there_twice_is_asked_once(broker: Broker, settings: Settings) -> None:
    await fill(broker, settings, TURNS[:3] * 2)
    assert (await plan_of(broker, settings, "next")).calls == 3


async def test_what_can_not_be_read_is_passed_over(broker: Broker, settings: Settings) -> None:
    await fill(broker, settings, TURNS[:3])
    await broker.publish([Outgoing(CANDIDATES, b"junk", b"{"), Outgoing(JUDGEMENTS, b"j", b"[]")])
    plan = await plan_of(broker, settings, "next")
    seen = await replay(broker, settings, plan)
    assert seen["asked"] == 3
    chosen = selection(None, None, (), "calls >= 1")
    assert (await plan_of(broker, settings, "default", chosen)).selected == 3


async def test_the_rate_of_a_judge_is_taken_from_its_judgements(
    broker: Broker, settings: Settings
) -> None:
    slow = ModelJudge(kind="ollama", name="c", url="http://c", model="m", concurrency=2)
    settings = settings.model_copy(update={"judges": (*settings.judges[:2], slow)})
    await fill(broker, settings, TURNS[:10])
    said = make_judgement(TURNS[0].id, "c", 5)
    await broker.publish([Outgoing(JUDGEMENTS, said.turn_id.encode(), said.to_bytes())])
    plan = await plan_of(broker, settings, "next")
    work = plan.works[1]
    assert len(work.missing) == 9
    assert work.rate is not None
    assert (work.rate.measured, work.rate.seconds, work.rate.tokens_in) == (1, 2.0, 100.0)


async def test_a_stage_at_work_keeps_its_table(broker: Broker, settings: Settings) -> None:
    await fill(broker, settings, TURNS[:2])
    current = editions(settings)["default"]
    path = tables_path(settings) / f"ensemble.{current.label}"
    held = TableStore(path, f"{broker.identity} {VERSION}")
    assert await join(broker, settings, current) is None
    held.close()
    assert await join(broker, settings, current) == 4
