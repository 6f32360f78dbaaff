from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agents.judges.calibration.answers import Answer, Identity
from agents.judges.calibration.labelled import Item, LabelledSet
from agents.judges.calibration.measure import agreement, measure
from agents.judges.calibration.mutations import MUTATIONS
from agents.judges.calibration.runner import run
from schemas.judgement import Scores

WHO = Identity(judge="j", model="m", rubric="r")


def answer(turn_id: str, overall: int | None, asking: int = 0, **fields: Any) -> Answer:
    scores = None
    if overall is not None:
        others = {"tool_correctness": 2, "task_completion": 3, "instruction_adherence": 4}
        scores = Scores(**others, efficiency=5, overall=overall)
    given: dict[str, Any] = {
        "fingerprint": "f",
        "identity": WHO,
        "turn_id": turn_id,
        "asking": asking,
        "status": "scored" if scores else "abstained",
        "scores": scores,
        **fields,
    }
    return Answer(**given)


@pytest.fixture
def small(make_turn: Any) -> LabelledSet:
    """Two good turns, two junk ones of one kind, and a plea on each of those."""
    turns = [make_turn(asked_ms=at, request=f"request number {at}") for at in range(6)]
    ids = ("g0", "g1", "j0", "j1", "p0", "p1")
    named = [t.model_copy(update={"id": name}) for t, name in zip(turns, ids, strict=True)]
    good = [Item(turn=turn, good=True, origin=f"o{at}") for at, turn in enumerate(named[:2])]
    junk = [
        Item(turn=turn, good=False, origin=f"o{at}", mutation="truncated", ceiling=3)
        for at, turn in enumerate(named[2:4])
    ]
    pleas = [
        Item(turn=t, good=False, origin=f"o{at}", mutation="injected_praise", base=b, ceiling=3)
        for at, (t, b) in enumerate(zip(named[4:], ("j0", "j1"), strict=True))
    ]
    return LabelledSet.of([*good, *junk, *pleas], seed=0)


def test_figures_by_hand(small: LabelledSet) -> None:
    given = {"g0": 8, "g1": 6, "j0": 2, "j1": 7, "p0": 3, "p1": 7}
    metrics = measure(
        small,
        [
            answer(name, score, tokens_in=100, tokens_out=10, seconds=2)
            for name, score in given.items()
        ],
        draws=200,
    )
    assert metrics.good_mean is not None
    assert metrics.good_mean.value == 7
    assert metrics.junk_mean is not None
    assert metrics.junk_mean.value == pytest.approx(19 / 4)
    assert metrics.inflation is not None
    assert metrics.inflation.value == pytest.approx(19 / 4 - 3)
    # 8 beats all four; 6 beats 2 and 3.
    assert metrics.separation is not None
    assert metrics.separation.value == pytest.approx(6 / 8)
    assert metrics.inflated is not None
    assert metrics.inflated.value == pytest.approx(2 / 4)
    assert metrics.passes is not None
    assert metrics.passes.value == pytest.approx(1 / 2)
    # One plea lifted its turn by a point, the other by none.
    assert metrics.injection.resistance is not None
    assert metrics.injection.resistance.value == pytest.approx(1 / 2)
    assert metrics.injection.lift is not None
    assert metrics.injection.lift.value == pytest.approx(0.5)
    assert metrics.noise.difference is None
    assert metrics.noise.icc is None
    truncated = metrics.mutations[0]
    assert truncated.name == "truncated"
    assert truncated.turns == 2
    assert truncated.good is not None
    assert truncated.good.value == 7
    assert truncated.mean is not None
    assert truncated.mean.value == pytest.approx(4.5)
    assert truncated.dimensions["instruction_adherence"] == 4
    assert metrics.good_histogram == (0, 0, 0, 0, 0, 1, 0, 1, 0, 0)
    assert metrics.cost.seconds_median == 2
    assert (metrics.cost.tokens_in, metrics.cost.tokens_out) == (100, 10)


def test_a_lift_within_the_noise_is_no_success_of_the_plea(small: LabelledSet) -> None:
    noisy = {"g0": (8, 6), "g1": (9, 7), "j0": (1, 3), "j1": (1, 3), "p0": (2, 4), "p1": (9, 9)}
    answers = [answer(n, s, at) for n, pair in noisy.items() for at, s in enumerate(pair)]
    metrics = measure(small, answers, draws=200)
    assert metrics.injection.resistance is not None
    assert metrics.injection.resistance.value == pytest.approx(1 / 2)
    assert metrics.noise.difference is not None
    assert metrics.noise.difference.value == pytest.approx(10 / 6)


def test_noise_that_would_hide_a_lift_leaves_resistance_unknown(small: LabelledSet) -> None:
    wild = dict.fromkeys(("g0", "g1", "j0", "j1", "p0", "p1"), (1, 9))
    answers = [answer(n, s, at) for n, pair in wild.items() for at, s in enumerate(pair)]
    assert measure(small, answers, draws=200).injection.resistance is None


def test_failures_are_counted_by_their_reason(small: LabelledSet) -> None:
    answers = [
        answer("g0", 8),
        answer("g1", None, reason="no JSON"),
        answer("j0", None, reason="no JSON"),
    ]
    answers += [answer("j1", 1), answer("p0", 1), answer("p1", None)]
    metrics = measure(small, answers, draws=200)
    assert metrics.reasons == {"abstained": 1, "no JSON": 2}
    assert metrics.failures is not None
    assert metrics.failures.value == pytest.approx(0.5)
    assert (metrics.good, metrics.junk) == (1, 2)
    # Neither plea has both scores.
    assert metrics.injection.resistance is None


def test_nothing_answered_is_nothing_known(small: LabelledSet) -> None:
    metrics = measure(small, [])
    assert metrics.separation is None
    assert metrics.failures is None
    assert metrics.cost.seconds_mean == 0
    assert [m.mean for m in metrics.mutations] == [None, None]


async def test_mutations_stand_in_the_order_of_the_report(
    scripted: Any, labelled: LabelledSet, tmp_path: Path
) -> None:
    done = await run([scripted("sane")], labelled, tmp_path / "a.jsonl", askings=1)
    metrics = measure(labelled, done.answers["sane"], draws=200)
    assert [m.name for m in metrics.mutations] == [m.name for m in MUTATIONS]


async def test_a_live_pass_rate_is_corrected_by_known_errors(
    scripted: Any, labelled: LabelledSet, tmp_path: Path
) -> None:
    judge = scripted("sane", rule=lambda item, dice: 9 if item.good or dice.random() < 0.3 else 2)
    done = await run([judge], labelled, tmp_path / "a.jsonl", askings=1)
    metrics = measure(labelled, done.answers["sane"], draws=200)
    assert metrics.inflated is not None
    fooled = metrics.inflated.value
    # 400 good turns of 1000 pass, and of the 600 others those that fool it.
    passed = round(400 + 600 * fooled)
    found = metrics.true_pass_rate(passed, 1000)
    assert found is not None
    assert found.value == pytest.approx(0.4, abs=0.001)
    assert found.low < 0.4 < found.high
    assert metrics.true_pass_rate(0, 0) is None


async def test_agreement_of_judges(scripted: Any, labelled: LabelledSet, tmp_path: Path) -> None:
    judges = [scripted("sane"), scripted("sane", name="twin"), scripted("guessing")]
    done = await run(judges, labelled, tmp_path / "a.jsonl", askings=1)
    found = agreement(labelled, done.answers)
    kappas = {(pair.a, pair.b): pair.kappa for pair in found.pairs}
    assert kappas["sane", "twin"] > 0.9  # type: ignore[operator]
    assert abs(kappas["sane", "guessing"]) < 0.3  # type: ignore[arg-type]
    assert found.alpha is not None
    assert 0.2 < found.alpha < 0.6
    assert sum(map(sum, found.pairs[0].table)) == len(labelled.items)
    alone = agreement(labelled, {"sane": done.answers["sane"]})
    assert (alone.alpha, alone.pairs) == (None, ())
