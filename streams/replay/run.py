"""A replay from its plan to the verdicts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from agents.judges import Judge
from agents.judges.factory import make_judge
from schemas.settings import ModelJudge, Settings, SignalsJudge
from streams.broker import Broker
from streams.judging.machine import yielding
from streams.replay.asking import QUICK, Answers, Done, ask, reactions_of
from streams.replay.join import join, joined
from streams.replay.outlet import Outlet
from streams.replay.plan import Plan

Joined = Callable[[int], None]


async def run(broker: Broker, settings: Settings, plan: Plan, done: Done, moved: Joined) -> bool:
    """Have the missing judgements made and joined.

    Cancelled, it leaves what has been published, and planning again leaves that out.

    Args:
        broker: where the topics are.
        settings: how the judges are reached.
        plan: what is missing.
        done: called for each turn with the judge's name.
        moved: called with the number of judgements that have been joined.

    Returns:
        Whether this process joined; if not, the running line did.

    Raises:
        BrokerError: the broker is not there.
        ValueError: a judge's settings can't work.
    """
    await judge(broker, settings, plan, Outlet(broker), done)
    if await join(broker, settings, plan.edition, moved=moved) is not None:
        return True
    await joined(broker, settings, plan.edition, moved)
    return False


async def judge(
    broker: Broker,
    settings: Settings,
    plan: Plan,
    outlet: Outlet,
    done: Done,
) -> None:
    """Have the missing judgements made, by all judges at the same time.

    Args:
        broker: where the candidates are.
        settings: how the judges are reached.
        plan: what is missing.
        outlet: where the judgements go.
        done: called for each turn with the judge's name.

    Raises:
        BrokerError: the broker is not there.
        ValueError: a judge's settings can't work.
    """
    configured = {judge.name: judge for judge in settings.judges}
    works = [work for work in plan.works if work.missing]
    answers = Answers(broker, plan.heard, frozenset(work.pin for work in works))
    judges = [_judge(configured[work.pin.judge], settings) for work in works]
    # As the judge's own stage does it: one that is to wait for reactions is shown them.
    known = (
        await reactions_of(broker, settings)
        if any(getattr(configured[work.pin.judge], "reaction_wait", 0) for work in works)
        else {}
    )
    try:
        async with _first_error(), asyncio.TaskGroup() as group:
            for work, each in zip(works, judges, strict=True):
                workers = QUICK if work.kind == "signals" else work.concurrency
                waits = getattr(configured[work.pin.judge], "reaction_wait", 0)
                group.create_task(
                    ask(
                        broker, each, work.missing, answers, outlet, known if waits else {}, done,
                        workers=workers,
                    )
                )  # fmt: skip
    finally:
        await outlet.drained()
        for each in judges:
            await each.aclose()


def _judge(config: ModelJudge | SignalsJudge, settings: Settings) -> Judge:
    made = make_judge(config)
    return made if config.kind == "signals" else yielding(made, settings.paths.home)


@asynccontextmanager
async def _first_error() -> AsyncIterator[None]:
    """Raise the first error of a group by itself: one line for the person, not a tree."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from None
