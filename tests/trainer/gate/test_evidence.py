"""What stands together, and what a judge's two answers come to."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.settings import Gate
from tests.support.tinymodel import make_job
from trainer.gate.evidence import Said, Vote, cluster_of
from trainer.gate.job import GateJob, Weights, command, gate_job
from trainer.gate.measure.snapshot import HeldOut, choose_prompts
from trainer.job import Job


def test_rows_that_share_a_session_are_one_cluster() -> None:
    found = cluster_of([("a", ["s1", "s2"]), ("b", ["s2", "s3"]), ("c", ["s4"]), ("d", [])])
    assert found["a"] == found["b"] == "s1"
    assert len({found["a"], found["c"], found["d"]}) == 3


@pytest.mark.parametrize(
    ("first", "second", "outcome", "positional"),
    [
        ("first", "second", 1.0, False),
        ("second", "first", 0.0, False),
        ("first", "first", 0.5, True),
        ("second", "second", 0.5, True),
        ("first", "tie", 0.5, False),
        ("tie", "tie", 0.5, False),
        ("none", "second", None, False),
        ("none", "none", None, False),
    ],
)
def test_a_vote(first: Said, second: Said, outcome: float | None, positional: bool) -> None:
    vote = Vote(judge="j", first=first, second=second)
    assert vote.outcome == outcome
    assert vote.positional is positional


def rows(sessions: int, each: int) -> list[HeldOut]:
    return [
        HeldOut(
            id=f"{session}-{at}",
            split="eval",
            cluster=f"s{session}",
            prompt=[{"role": "user", "content": f"{session} {at}"}],
            chosen=[{"role": "assistant", "content": "", "tool_calls": [{}]}],
            rejected=[{"role": "assistant", "content": "no"}],
            tools=[],
        )
        for session in range(sessions)
        for at in range(each)
    ]


def test_prompts_are_spread_over_sessions() -> None:
    found = choose_prompts(rows(10, 5), 23, seed=1)
    counts = [sum(each.cluster == f"s{session}" for each in found) for session in range(10)]
    assert len(found) == 23
    assert sorted(counts) == [2] * 7 + [3] * 3
    # Those of a session stand together: a session is one bet.
    order = [each.cluster for each in found]
    assert len([at for at in range(1, 23) if order[at] != order[at - 1]]) == 9
    assert all(each.due for each in found)
    assert choose_prompts(list(reversed(rows(10, 5))), 23, seed=1) == found
    assert choose_prompts(rows(10, 5), 23, seed=2) != found


def test_a_prompt_is_asked_once() -> None:
    twice = rows(2, 2) + [row.model_copy(update={"id": f"{row.id}+"}) for row in rows(2, 2)]
    assert len(choose_prompts(twice, 200, seed=1)) == 4
    assert choose_prompts(twice, 0, seed=1) == choose_prompts([], 9, seed=1) == []


def test_the_job_of_a_training(tmp_path: Path) -> None:
    (tmp_path / "must.jsonl").write_text('{"prompt": "hi", "contains": "x"}\n')
    rules = Gate(prompts=7, answer_tokens=9, must_pass=str(tmp_path / "must.jsonl"))

    def made(**changes: object) -> GateJob:
        path = make_job(tmp_path / "base", tmp_path / "snapshot", tmp_path / "run", **changes)
        return gate_job(
            Job.model_validate_json(path.read_bytes()), rules, None, tmp_path / "run" / "gate"
        )

    full, adapter = made(), made(tuning="lora")
    assert full.candidate == Weights(model=str(tmp_path / "run" / "model"))
    assert adapter.candidate == Weights(
        model=str(tmp_path / "base"), adapter=str(tmp_path / "run" / "model")
    )
    assert (full.prompts, full.answer_tokens, full.max_length) == (7, 9, 512)
    assert [case.name for case in full.must_pass] == ["line 1"]
    assert GateJob.model_validate_json(full.model_dump_json()) == full
    assert command("python3", tmp_path)[-1] == str(tmp_path / "gate.json")
    # What serves and is the base itself is looked at once.
    served = full.model_copy(update={"incumbent": full.base})
    assert list(served.models()) == ["base", "candidate"]
