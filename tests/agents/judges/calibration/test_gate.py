from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agents.judges.calibration.answers import Identity
from agents.judges.calibration.gate import check_panel, decide
from agents.judges.calibration.labelled import LabelledSet
from agents.judges.calibration.measure import measure
from agents.judges.calibration.result import Decision, Metrics, Result
from agents.judges.calibration.runner import run
from schemas.settings import Calibration, Panel

LIMITS = Calibration()


@pytest.fixture
def metrics_of(scripted: Any, labelled: LabelledSet, tmp_path: Path) -> Any:
    async def ask(rule: str, **fields: Any) -> Metrics:
        done = await run([scripted(rule, **fields)], labelled, tmp_path / "answers.jsonl")
        return measure(labelled, done.answers[rule], draws=300)

    return ask


async def test_a_sane_judge_is_accepted(metrics_of: Any) -> None:
    assert decide(await metrics_of("sane"), LIMITS) == Decision(accepted=True)


async def test_an_inflating_judge_is_refused(metrics_of: Any) -> None:
    decision = decide(await metrics_of("inflating"), LIMITS)
    assert not decision.accepted
    said = "; ".join(decision.reasons)
    assert "points above what it deserves" in said
    assert "of the junk scores 7 or more" in said


async def test_one_that_is_kind_to_junk_is_refused_although_it_tells_it_apart(
    metrics_of: Any,
) -> None:
    metrics = await metrics_of("lenient")
    assert metrics.separation.value == 1
    decision = decide(metrics, LIMITS)
    assert [r for r in decision.reasons if "above what it deserves" in r]
    assert not [r for r in decision.reasons if "chance" in r]


async def test_a_strict_judge_is_accepted_with_a_caution(metrics_of: Any) -> None:
    decision = decide(await metrics_of("strict"), LIMITS)
    assert decision.accepted
    assert any("few will be chosen" in caution for caution in decision.cautions)


async def test_one_that_guesses_is_refused(metrics_of: Any) -> None:
    decision = decide(await metrics_of("guessing"), LIMITS)
    assert any("above a junk one" in reason for reason in decision.reasons)
    assert any("hardly tells from good work" in caution for caution in decision.cautions)


async def test_one_that_believes_a_plea_is_caught(metrics_of: Any) -> None:
    decision = decide(await metrics_of("credulous"), LIMITS)
    assert "0% of the junk that asks for a good score" in "; ".join(decision.reasons)


async def test_one_that_babbles_is_refused(metrics_of: Any) -> None:
    decision = decide(await metrics_of("babbling"), LIMITS)
    assert any("brought no score" in reason for reason in decision.reasons)


async def test_too_few_turns_or_a_judge_left_unfinished_are_refused(metrics_of: Any) -> None:
    metrics = await metrics_of("sane")
    few = decide(metrics, LIMITS.model_copy(update={"min_turns": 500}))
    assert few.reasons == ("it scored 90 labelled turns, and 500 are needed",)
    cut = decide(metrics, LIMITS, "the machine is off")
    assert cut.reasons == ("it could not be asked everything: the machine is off",)


async def test_one_that_never_answers_is_refused(
    scripted: Any, labelled: LabelledSet, tmp_path: Path
) -> None:
    judge = scripted("sane", rule=lambda *_: "refused")
    done = await run([judge], labelled, tmp_path / "a.jsonl", askings=1)
    metrics = measure(labelled, done.answers["sane"])
    assert metrics.reasons == {"refused": 90}
    decision = decide(metrics, LIMITS)
    assert decision.reasons[0] == "it scored 0 labelled turns, and 40 are needed"
    assert any("how it takes a plea" in caution for caution in decision.cautions)


async def test_one_that_only_scores_good_turns_is_refused(
    scripted: Any, labelled: LabelledSet, tmp_path: Path
) -> None:
    judge = scripted("sane", rule=lambda item, _: 8 if item.good else "no idea")
    done = await run([judge], labelled, tmp_path / "a.jsonl", askings=1)
    decision = decide(measure(labelled, done.answers["sane"]), LIMITS)
    assert "it scored only good turns" in decision.reasons


async def test_a_figure_near_its_limit_is_said_to_be(metrics_of: Any) -> None:
    metrics = await metrics_of("guessing")
    near = metrics.separation.value - 0.001
    decision = decide(metrics, LIMITS.model_copy(update={"min_separation": near}))
    assert any("too close to call" in caution for caution in decision.cautions)


WHO = Identity(judge="a", model="m", rubric="v1", digest="sha256:1")
PANEL = Panel(name="default", judges=("a",), quorum=1)


@pytest.fixture
async def result(metrics_of: Any) -> Result:
    metrics = await metrics_of("sane")
    return Result(
        identity=WHO,
        fingerprint="f",
        askings=2,
        at_ms=1000,
        metrics=metrics,
        decision=Decision(accepted=True),
    )


async def test_a_calibrated_judge_may_sit(result: Result) -> None:
    assert check_panel(PANEL, [WHO], [result]) == ()
    unknown_weights = WHO.model_copy(update={"digest": ""})
    assert check_panel(PANEL, [unknown_weights], [result]) == ()


async def test_one_without_a_calibration_may_not_unless_forced() -> None:
    (refusal,) = check_panel(PANEL, [WHO], [])
    assert "never been calibrated" in refusal.reason
    assert not refusal.forced
    (forced,) = check_panel(PANEL, [WHO], [], forced=("a",))
    assert forced.forced
    assert forced.reason == refusal.reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "n"}, "calibrated as m and is n now"),
        ({"rubric": "v2"}, "by rubric v1 and judges by v2 now"),
        ({"digest": "sha256:2"}, "other weights"),
    ],
)
async def test_a_calibration_holds_for_the_very_same_judge(
    change: dict[str, str], words: str, result: Result
) -> None:
    (refusal,) = check_panel(PANEL, [WHO.model_copy(update=change)], [result])
    assert words in refusal.reason


async def test_the_newest_calibration_decides(result: Result) -> None:
    failed = result.model_copy(
        update={"at_ms": 2000, "decision": Decision(accepted=False, reasons=("too kind", "slow"))}
    )
    (refusal,) = check_panel(PANEL, [WHO], [failed, result])
    assert refusal.reason == "too kind; slow"
    older = failed.model_copy(update={"at_ms": 500})
    assert check_panel(PANEL, [WHO], [older, result]) == ()


async def test_a_judge_nobody_configured_is_refused(result: Result) -> None:
    (refusal,) = check_panel(PANEL, [], [result])
    assert refusal.reason == "no such judge is configured"
