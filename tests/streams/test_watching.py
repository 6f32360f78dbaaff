"""The figures of a panel over the live stream, through restarts and over partitions."""

from __future__ import annotations

import random

from schemas.judgement import Scores
from schemas.table import MemoryTable
from schemas.verdict import Opinion, Verdict
from streams.watching import Watching


def verdict(turn: str, **overall: int) -> Verdict:
    opinions = tuple(
        Opinion(
            judge=judge,
            kind="llm",
            model="m",
            rubric="v1",
            status="scored",
            scores=Scores(
                tool_correctness=score,
                task_completion=score,
                instruction_adherence=score,
                efficiency=score,
                overall=score,
            ),
        )
        for judge, score in overall.items()
    )
    return Verdict(id=turn, turn_id=turn, panel="p", status="scored", opinions=opinions)


def test_agreement_of_each_two() -> None:
    watching, table = Watching(), MemoryTable()
    dice = random.Random(1)
    for number in range(60):
        good = dice.choice((2, 9))
        near = max(1, good - 1)
        watching.note([verdict(f"t{number}", a=good, b=near, c=dice.randint(1, 10))], table)
    state = watching.state("p@1")
    kappas = {(a, b): kappa for a, b, kappa in state.pairs}
    assert state.turns == 60
    assert (kappas["a", "b"] or 0) > 0.9
    assert (kappas["a", "c"] or 0) < 0.4


def test_a_judge_that_drifts_is_named() -> None:
    watching, table = Watching(), MemoryTable()
    for number in range(200):
        drifted = 3 if number > 80 else 0
        turn = verdict(f"t{number}", a=5, b=5 + drifted, c=5 - (number % 2))
        watching.note([turn], table)
    state = watching.state("p@1")
    # Where there are three, the other two are seen to move the other way against its median.
    assert state.moved["b"] == "up"
    assert (state.offsets["b"] or 0) > 1


def test_it_is_kept_in_the_tables_and_put_together_over_partitions() -> None:
    first, tables = Watching(), [MemoryTable(), MemoryTable()]
    for number in range(20):
        first.note([verdict(f"t{number}", a=number % 10 + 1, b=5)], tables[number % 2])
    assert first.changed
    first.save()
    assert not first.changed
    second = Watching()
    second.load(tables)
    assert second.state("p@1").turns == 20
    assert second.state("p@1").pairs == first.state("p@1").pairs


def test_verdicts_without_scores_are_passed_over() -> None:
    watching = Watching()
    skipped = Verdict(id="t", turn_id="t", panel="p", status="skipped")
    watching.note([skipped], MemoryTable())
    assert not watching.changed
