from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agents.judges.calibration.answers import Answer, AnswerFile, Identity
from agents.judges.calibration.labelled import LabelledSet
from agents.judges.calibration.runner import Progress, run


async def test_every_item_is_put_as_often_as_asked(
    scripted: Any, labelled: LabelledSet, tmp_path: Path
) -> None:
    sane, strict = scripted("sane"), scripted("strict")
    done = await run([sane, strict], labelled, tmp_path / "a.jsonl", askings=3)
    for judge in (sane, strict):
        assert set(Counter(judge.asked).values()) == {3}
        answers = done.answers[judge.name]
        assert [a.turn_id for a in answers] == 3 * [i.turn.id for i in labelled.items]
        assert {a.seconds for a in answers} == {1.5}
    assert done.unfinished == {}


async def test_a_judge_is_given_as_many_turns_at_once_as_it_takes(
    scripted: Any, labelled: LabelledSet, tmp_path: Path
) -> None:
    one, five = scripted("sane", concurrency=1), scripted("strict", concurrency=5)
    await run([one, five], labelled, tmp_path / "a.jsonl", askings=1)
    assert (one.busiest, five.busiest) == (1, 5)


async def test_no_judge_is_shown_a_reaction(
    scripted: Any, labelled: LabelledSet, tmp_path: Path
) -> None:
    judge = scripted("sane")
    await run([judge], labelled, tmp_path / "a.jsonl", askings=1)
    assert set(judge.reactions) == {None}


class Stopped(Exception):
    """What stops a run in the middle."""


async def test_a_killed_calibration_goes_on_where_it_stopped(
    scripted: Any, labelled: LabelledSet, tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"

    def stop(progress: Progress) -> None:
        if progress.done == 50:
            raise Stopped

    first = scripted("sane")
    with pytest.raises(ExceptionGroup) as stopped:
        await run([first], labelled, path, askings=2, progress=stop)
    assert stopped.group_contains(Stopped)
    kept = len(path.read_bytes().splitlines())
    assert kept >= 50
    with path.open("ab") as file:
        file.write(b'{"fingerprint": "torn o')

    second = scripted("sane")
    again = await run([second], labelled, path, askings=2)
    questions = 2 * len(labelled.items)
    assert len(second.asked) == questions - kept
    assert len(again.answers["sane"]) == len({a.key for a in again.answers["sane"]}) == questions

    third = scripted("sane")
    same = await run([third], labelled, path, askings=2)
    assert third.asked == []
    assert same.answers == again.answers


async def test_another_model_rubric_or_weights_are_asked_anew(
    scripted: Any, labelled: LabelledSet, tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    await run([scripted("sane")], labelled, path, askings=1)
    size = len(labelled.items)
    for fields, digests in (
        ({"model": "scripted-2"}, {}),
        ({"rubric": "v2"}, {}),
        ({}, {"sane": "sha256:1"}),
    ):
        judge = scripted("sane", **fields)
        await run([judge], labelled, path, askings=1, digests=digests)
        assert len(judge.asked) == size


async def test_a_judge_that_comes_back_is_asked_on(
    scripted: Any, labelled: LabelledSet, tmp_path: Path
) -> None:
    judge = scripted("sane", down=9)
    done = await run([judge], labelled, tmp_path / "a.jsonl", askings=1, first_wait=0.001)
    assert len(done.answers["sane"]) == len(labelled.items)
    assert done.unfinished == {}


async def test_a_judge_that_stays_down_holds_up_nobody(
    scripted: Any, labelled: LabelledSet, tmp_path: Path
) -> None:
    down, up = scripted("sane", down=10**9), scripted("strict")
    done = await run(
        [down, up], labelled, tmp_path / "a.jsonl", askings=1, patience=0.02, first_wait=0.001
    )
    assert done.unfinished == {"sane": "the machine is switched off"}
    assert done.answers["sane"] == ()
    assert len(done.answers["strict"]) == len(labelled.items)


async def test_progress_counts_up_to_the_end(
    scripted: Any, labelled: LabelledSet, tmp_path: Path
) -> None:
    seen: list[Progress] = []
    await run([scripted("sane")], labelled, tmp_path / "a.jsonl", askings=2, progress=seen.append)
    total = 2 * len(labelled.items)
    assert [progress.done for progress in seen] == list(range(1, total + 1))
    assert {progress.total for progress in seen} == {total}


async def test_names_must_differ_and_askings_be_positive(
    scripted: Any, labelled: LabelledSet, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="a name of its own"):
        await run([scripted("sane"), scripted("sane")], labelled, tmp_path / "a.jsonl")
    with pytest.raises(ValueError, match="at least once"):
        await run([scripted("sane")], labelled, tmp_path / "a.jsonl", askings=0)


def test_a_line_of_another_time_is_passed_over_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"of": "another version"}\n')
    answer = Answer(
        fingerprint="f",
        identity=Identity(judge="j", model="m", rubric="r"),
        turn_id="t",
        asking=0,
        status="abstained",
        reason="why",
    )
    with AnswerFile(path) as file:
        file.add(answer)
        assert file.read() == [answer]
    assert path.read_bytes().startswith(b'{"of": "another version"}\n')
    with pytest.raises(ValueError, match="not open"):
        file.add(answer)
