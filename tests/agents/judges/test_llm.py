"""The judge of a language model, over real HTTP on loopback, through everything that goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Literal

import pytest

from agents.judges import JudgeUnavailable
from agents.judges.factory import make_judge
from agents.judges.fake import FAULTS, Act, Asked, FakeJudge, Script, plausible
from agents.judges.llm import PROBE, ModelJudge
from schemas.judgement import Judgement, judgement_id
from schemas.settings import ModelJudge as Settings
from schemas.turn import Turn

MakeTurn = Callable[..., Turn]
Start = Callable[..., Awaitable[tuple[FakeJudge, ModelJudge]]]
KINDS: tuple[Literal["ollama", "openai"], ...] = ("ollama", "openai")


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Return a function that starts a server by a script and makes a judge that asks it."""
    async with AsyncExitStack() as stack:

        async def started(
            script: Script = plausible, kind: str = "ollama", **options: Any
        ) -> tuple[FakeJudge, ModelJudge]:
            fake = await stack.enter_async_context(FakeJudge(script))
            settings = {"kind": kind, "name": "fake", "url": fake.url, "model": "fake-judge"}
            judge = make_judge(Settings(**{"timeout": 5, **settings, **options}), backoff=0.001)
            assert isinstance(judge, ModelJudge)
            stack.push_async_callback(judge.aclose)
            return fake, judge

        yield started


def on_turns(script: Script) -> Script:
    """A script that goes wrong at turns only; the short question that follows is answered."""
    return lambda asked: plausible(asked) if asked.prompt == PROBE[0].content else script(asked)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_judgement(start: Start, make_turn: MakeTurn, kind: str) -> None:
    fake, judge = await start(kind=kind)
    turn = make_turn(reaction="thanks")
    judgement = await judge.judge(turn)
    assert judgement.id == judgement_id(turn.id, "fake", "fake-judge", "v1")
    assert (judgement.kind, judgement.status, judgement.rubric) == ("llm", "scored", "v1")
    assert judgement.scores is not None
    assert judgement.rationale == "A fake judge saw 0 failures."
    assert judgement.raw == judgement.reason == ""
    assert judgement.latency_ms is not None
    assert judgement.tokens_in is not None
    assert judgement.tokens_in > 1_000
    (asked,) = fake.asked
    assert asked.structured
    assert "WHAT THE USER WROTE NEXT\n| thanks" in asked.prompt
    assert asked.body["messages"][0]["content"].startswith("You grade")
    assert Judgement.from_bytes(judgement.to_bytes()) == judgement


async def test_a_reaction_that_came_later_is_shown(start: Start, make_turn: MakeTurn) -> None:
    fake, judge = await start()
    said = make_turn(reaction="no, the other one").reaction
    await judge.judge(make_turn(), said)
    assert "WHAT THE USER WROTE NEXT\n| no, the other one" in fake.asked[0].prompt


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("fault", "status", "reason", "calls"),
    [
        ("thinking", "scored", "", 1),
        ("unopened", "scored", "", 1),
        ("misplaced", "scored", "", 1),
        ("cut", "scored", "", 2),
        ("babble", "abstained", "unreadable", 2),
        ("inflated", "abstained", "unreadable", 2),
        ("empty", "abstained", "empty", 2),
        ("error", "abstained", "server_error", 5),
        ("drop", "abstained", "server_error", 5),
        ("malformed", "abstained", "malformed", 2),
    ],
)
async def test_what_each_fault_comes_to(
    start: Start,
    make_turn: MakeTurn,
    kind: str,
    fault: str,
    status: str,
    reason: str,
    calls: int,
) -> None:
    fake, judge = await start(on_turns(FAULTS[fault]), kind=kind)
    judgement = await judge.judge(make_turn())
    assert (judgement.status, judgement.reason, len(fake.asked)) == (status, reason, calls)
    assert (judgement.scores is None) == (status == "abstained")


async def test_a_turn_that_never_ends_is_given_up(start: Start, make_turn: MakeTurn) -> None:
    _, judge = await start(on_turns(FAULTS["hang"]), timeout=0.2)
    judgement = await judge.judge(make_turn())
    assert (judgement.status, judgement.reason) == ("abstained", "timeout")


@pytest.mark.parametrize("fault", ["hang", "busy", "error", "drop", "malformed"])
async def test_a_machine_that_is_down_is_no_turns_fault(
    start: Start, make_turn: MakeTurn, fault: str
) -> None:
    _, judge = await start(FAULTS[fault], timeout=0.2)
    with pytest.raises(JudgeUnavailable):
        await judge.judge(make_turn())


async def test_a_server_that_is_not_there(start: Start, make_turn: MakeTurn) -> None:
    fake, judge = await start()
    await fake.__aexit__()
    with pytest.raises(JudgeUnavailable, match="can't be reached"):
        await judge.judge(make_turn())


async def test_a_missing_model_stops_the_judge(start: Start, make_turn: MakeTurn) -> None:
    for kind in KINDS:
        _, judge = await start(kind=kind, model="nemotron")
        with pytest.raises(JudgeUnavailable, match="no model 'nemotron'; it has: fake-judge"):
            await judge.judge(make_turn())


async def test_a_refusal_is_named(start: Start, make_turn: MakeTurn) -> None:
    fake, judge = await start(FAULTS["refuse"], kind="openai")
    judgement = await judge.judge(make_turn())
    assert (judgement.reason, judgement.raw) == (
        "refused",
        "I'm sorry, but I can't help with that.",
    )
    assert len(fake.asked) == 2


async def test_an_unreadable_answer_is_asked_for_again_with_its_fault(
    start: Start, make_turn: MakeTurn
) -> None:
    def learns(asked: Asked) -> Act:
        return plausible(asked) if asked.number else Act("I give it an 8.")

    fake, judge = await start(learns)
    judgement = await judge.judge(make_turn())
    assert judgement.status == "scored"
    first, second = (asked.body["messages"] for asked in fake.asked)
    assert second[:2] == first
    assert second[2] == {"role": "assistant", "content": "I give it an 8."}
    assert second[3]["content"] == (
        "That can't be used: there is no JSON object in the answer. Answer with the one JSON "
        "object, all five whole numbers from 1 to 10."
    )


async def test_after_an_empty_answer_roles_still_alternate(
    start: Start, make_turn: MakeTurn
) -> None:
    fake, judge = await start(FAULTS["empty"])
    await judge.judge(make_turn())
    assert [message["role"] for message in fake.asked[1].body["messages"]] == ["system", "user"]
    assert "There was no answer." in fake.asked[1].prompt


async def test_an_unreadable_answer_is_kept(start: Start, make_turn: MakeTurn) -> None:
    _, judge = await start(lambda _: Act("8/10 \ud83d" + "x" * 50_000))
    judgement = await judge.judge(make_turn())
    assert judgement.raw.startswith("8/10")
    assert len(judgement.raw) == 20_000
    judgement.to_bytes()


async def test_a_cut_answer_gets_more_room_once(start: Start, make_turn: MakeTurn) -> None:
    fake, judge = await start(
        lambda _: Act("{", finish="length"), max_tokens=100, max_tokens_cap=300
    )
    judgement = await judge.judge(make_turn())
    assert (judgement.reason, judgement.rationale) == ("length", "no end within 300 tokens")
    assert [asked.max_tokens for asked in fake.asked] == [100, 300]


async def test_a_whole_answer_in_a_cut_reply_does_not_count(
    start: Start, make_turn: MakeTurn
) -> None:
    """Where the limit struck, the model might have gone on to take it back."""

    def script(asked: Asked) -> Act:
        return Act(plausible(asked).content + " Wait", finish="length")

    _, judge = await start(script)
    assert (await judge.judge(make_turn())).reason == "length"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_turn_that_does_not_fit_is_shortened(
    start: Start, make_turn: MakeTurn, kind: str
) -> None:
    def narrow(asked: Asked) -> Act:
        if len(asked.prompt) > 5_000:
            return Act("the prompt exceeds the context size", status=400)
        return plausible(asked)

    fake, judge = await start(narrow, kind=kind, prompt_chars=16_000)
    calls = [{"name": "read", "arguments": {"n": n}, "text": "x" * 3_000} for n in range(30)]
    judgement = await judge.judge(make_turn(calls=calls))
    assert judgement.status == "scored"
    lengths = [len(asked.prompt) for asked in fake.asked]
    assert lengths == sorted(lengths, reverse=True)
    assert len(lengths) == 3


async def test_a_turn_that_never_fits_is_an_abstention(start: Start, make_turn: MakeTurn) -> None:
    _, judge = await start(lambda _: Act("exceeds the context", status=400))
    judgement = await judge.judge(make_turn())
    assert (judgement.status, judgement.reason) == ("abstained", "prompt_too_long")


async def test_a_request_that_is_refused(start: Start, make_turn: MakeTurn) -> None:
    def refuses(_: Asked) -> Act:
        return Act("no such option", status=422)

    _, judge = await start(on_turns(refuses))
    judgement = await judge.judge(make_turn())
    assert (judgement.status, judgement.reason) == ("abstained", "rejected")
    _, judge = await start(refuses)
    with pytest.raises(JudgeUnavailable, match="no such option"):
        await judge.judge(make_turn())


async def test_tokens_add_up_over_the_attempts(start: Start, make_turn: MakeTurn) -> None:
    _, judge = await start(FAULTS["babble"])
    twice = await judge.judge(make_turn())
    _, judge = await start()
    once = await judge.judge(make_turn())
    assert twice.tokens_in is not None
    assert once.tokens_in is not None
    assert twice.tokens_in > 2 * once.tokens_in


async def test_no_more_turns_at_a_time_than_the_machine_takes(
    start: Start, make_turn: MakeTurn
) -> None:
    inside = most = 0

    def count(asked: Asked) -> Act:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        asyncio.get_running_loop().call_later(0.02, leave)
        return Act(plausible(asked).content, seconds=0.03)

    def leave() -> None:
        nonlocal inside
        inside -= 1

    fake, judge = await start(count, concurrency=3)
    turns = [make_turn(asked_ms=number) for number in range(9)]
    await asyncio.gather(*(judge.judge(turn) for turn in turns))
    assert most == 3
    assert len(fake.asked) == 9


async def test_cancelling_lets_go_of_the_machine(start: Start, make_turn: MakeTurn) -> None:
    fake, judge = await start(on_turns(FAULTS["hang"]), concurrency=1)
    task = asyncio.create_task(judge.judge(make_turn()))
    while not fake.asked:  # noqa: ASYNC110 - what others do is not ours to signal
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    fake.script = plausible
    assert (await judge.judge(make_turn())).status == "scored"
