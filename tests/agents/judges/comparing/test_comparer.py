"""A judge that compares, over real HTTP on loopback, through what goes wrong."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from agents.judges import JudgeUnavailable
from agents.judges.asking import PROBE
from agents.judges.comparing import Comparer, Question, make_comparer
from agents.judges.fake import FAULTS, Act, Asked, FakeJudge, Script, plausible
from schemas.settings import ModelJudge

Start = Callable[..., Awaitable[tuple[FakeJudge, Comparer]]]
QUESTION = Question("q", [{"role": "user", "content": "Hi"}], [], ("Hello.", []), ("Go away.", []))


def first(asked: Asked) -> Act:
    """Say that the first answer is the better one."""
    if asked.prompt == PROBE[0].content:
        return Act("ready")
    return Act(json.dumps({"rationale": "It greets.", "better": "first"}))


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Return a function that starts a server by a script and makes a comparer that asks it."""
    async with AsyncExitStack() as stack:

        async def started(script: Script = first, kind: str = "ollama", **options: Any) -> Any:
            fake = await stack.enter_async_context(FakeJudge(script))
            settings = {"kind": kind, "name": "one", "url": fake.url, "model": "fake-judge"}
            comparer = make_comparer(
                ModelJudge(**{"timeout": 5, **settings, **options}), backoff=0.001
            )
            stack.push_async_callback(comparer.aclose)
            return fake, comparer

        yield started


@pytest.mark.parametrize("kind", ["ollama", "openai"])
async def test_an_opinion(start: Start, kind: str) -> None:
    fake, comparer = await start(kind=kind)
    opinion = await comparer.compare(QUESTION)
    assert (opinion.better, opinion.rationale, opinion.reason) == ("first", "It greets.", "")
    assert opinion.tokens_in is not None
    (asked,) = fake.asked
    assert asked.structured
    assert "better" in json.dumps(asked.body.get("format") or asked.body.get("response_format"))
    assert asked.body["messages"][0]["content"].startswith("You compare two answers")


async def test_a_fake_judge_prefers_neither(start: Start) -> None:
    _, comparer = await start(plausible)
    assert (await comparer.compare(QUESTION)).better == "tie"


async def test_it_thinks_aloud(start: Start) -> None:
    _, comparer = await start(
        lambda _: Act('<think>{"better": "first"}? Hm.</think>\nSo: {"better": "second"}')
    )
    assert (await comparer.compare(QUESTION)).better == "second"


async def test_babble_is_asked_once_more(start: Start) -> None:
    def script(asked: Asked) -> Act:
        return first(asked) if "can't be used" in asked.prompt else Act("The first, I would say.")

    fake, comparer = await start(script)
    assert (await comparer.compare(QUESTION)).better == "first"
    assert len(fake.asked) == 2


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("babble", "unreadable"),
        ("empty", "empty"),
        ("refuse", "refused"),
        ("error", "server_error"),
    ],
)
async def test_what_can_not_be_brought_to_answer(start: Start, fault: str, reason: str) -> None:
    def script(asked: Asked) -> Act:
        return first(asked) if asked.prompt == PROBE[0].content else FAULTS[fault](asked)

    _, comparer = await start(script, kind="openai")
    opinion = await comparer.compare(QUESTION)
    assert opinion.better is None
    assert opinion.reason == reason
    assert opinion.rationale


async def test_a_machine_that_is_down_is_no_opinion(start: Start) -> None:
    _, comparer = await start(FAULTS["busy"])
    with pytest.raises(JudgeUnavailable):
        await comparer.compare(QUESTION)
