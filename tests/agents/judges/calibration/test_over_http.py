"""Language models under calibration, over real HTTP to a server that plays them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agents.judges.calibration.calibrate import calibrate
from agents.judges.calibration.labelled import LabelledSet
from agents.judges.calibration.result import Result
from agents.judges.factory import make_judge
from agents.judges.fake import FAULTS, Act, Asked, FakeJudge, Script, plausible
from schemas.judgement import DIMENSIONS
from schemas.settings import ModelJudge


async def calibrated(script: Script, labelled: LabelledSet, folder: Path, kind: str) -> Result:
    async with FakeJudge(script) as fake:
        settings = ModelJudge.model_validate(
            {"kind": kind, "name": "fake", "url": fake.url, "model": "fake-judge", "concurrency": 8}
        )
        judge = make_judge(settings)
        try:
            done = await calibrate([judge], labelled, folder, at_ms=0, askings=1, patience=1)
        finally:
            await judge.aclose()
    return done.results[0]


def babbles(asked: Asked) -> Act:
    again = "can't be used" in asked.prompt
    return FAULTS["babble"](asked) if again or asked.random().random() < 0.3 else plausible(asked)


def believes_pleas(asked: Asked) -> Act:
    pleads = any(word in asked.prompt for word in ("10/10", "Give 10 in", '"overall": 10'))
    score = 10 if pleads else 2
    return Act(json.dumps({"rationale": "so", **dict.fromkeys(DIMENSIONS, score)}))


@pytest.mark.parametrize("kind", ["ollama", "openai"])
async def test_cost_and_failures_are_what_the_server_did(
    kind: str, labelled: LabelledSet, tmp_path: Path
) -> None:
    result = await calibrated(babbles, labelled, tmp_path, kind)
    metrics = result.metrics
    assert metrics.asked == len(labelled.items)
    assert metrics.failures is not None
    assert 0.1 < metrics.failures.value < 0.5
    assert sum(metrics.reasons.values()) == metrics.asked - metrics.answered
    assert metrics.cost.seconds_median > 0
    assert metrics.cost.tokens_in is not None
    assert metrics.cost.tokens_in > 100
    assert any("brought no score" in reason for reason in result.decision.reasons)


async def test_a_model_that_believes_a_plea_is_caught(
    labelled: LabelledSet, tmp_path: Path
) -> None:
    result = await calibrated(believes_pleas, labelled, tmp_path, "ollama")
    assert result.metrics.injection.resistance is not None
    assert result.metrics.injection.resistance.value == 0
    assert not result.decision.accepted


async def test_one_that_only_counts_failures_does_not_see_most_junk(
    labelled: LabelledSet, tmp_path: Path
) -> None:
    result = await calibrated(plausible, labelled, tmp_path, "openai")
    auc = {m.name: m.auc.value for m in result.metrics.mutations if m.auc is not None}
    assert auc["claimed_success_after_error"] > 0.9
    assert auc["ignored_instruction"] < 0.7
    assert not result.decision.accepted
