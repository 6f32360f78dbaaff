"""The judge as its stage sees it."""

from __future__ import annotations

from collections.abc import Callable

from agents.judges.signals import RUBRIC, SignalsJudge
from schemas.judgement import Judgement, judgement_id
from schemas.settings import SIGNALS
from schemas.turn import Turn

MakeTurn = Callable[..., Turn]
OK = {"name": "exec", "arguments": {"command": "ls"}, "text": "a.txt", "exit_code": 0}
BAD = {"name": "exec", "arguments": {"command": "cat x"}, "text": "no such file", "exit_code": 1}


async def test_a_judgement(make_turn: MakeTurn) -> None:
    judge = SignalsJudge(SIGNALS[0])
    turn = make_turn(calls=[BAD, BAD, OK], reaction="no, that's wrong")
    judgement = await judge.judge(turn)
    assert judgement == judge.judge_now(turn)
    assert judgement.id == judgement_id(turn.id, "signals-errors", "signals/errors", RUBRIC)
    assert (judgement.kind, judgement.status, judgement.rubric) == ("signals", "scored", RUBRIC)
    assert judgement.rationale == (
        "2 failed, later recovered: exec (exit 1), exec (exit 1); "
        'user objected ("no, that\'s wrong"); 1 tried again unchanged after the same error; '
        "3 calls in 3 rounds, 160 output tokens, 2.0 s"
    )
    assert judgement.latency_ms is None
    await judge.aclose()


def test_equal_turns_give_equal_bytes(make_turn: MakeTurn) -> None:
    for settings in SIGNALS:
        judge = SignalsJudge(settings)
        turn = Turn.from_bytes(make_turn().to_bytes())
        once, twice = judge.judge_now(turn).to_bytes(), judge.judge_now(make_turn()).to_bytes()
        assert once == twice
        assert Judgement.from_bytes(once).judge == settings.name
