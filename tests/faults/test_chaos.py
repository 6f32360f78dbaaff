"""Random plans of faults; `make chaos SEED=n` runs any other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.chaos import disturbed, plan_of, undisturbed
from tests.faults.plan import DATA_SEEDS
from tests.support.kafka import KafkaProcess, need

SEEDS = (4, 8, 12)
"""Of the world that the other tests here have, whose undisturbed end is known by then."""


@pytest.mark.parametrize("seed", SEEDS)
def test_a_plan_of_faults_changes_nothing(tmp_path: Path, seed: int) -> None:
    plan = plan_of(seed)
    print(plan)
    assert disturbed(plan, tmp_path).differences(undisturbed(plan.data)) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1012))
def test_more_plans_change_nothing(tmp_path: Path, seed: int) -> None:
    plan = plan_of(seed)
    print(plan)
    assert disturbed(plan, tmp_path).differences(undisturbed(plan.data)) == []


@pytest.mark.parametrize(
    "seed", [SEEDS[0], *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))]
)
def test_a_plan_of_faults_changes_nothing_on_kafka(tmp_path: Path, seed: int) -> None:
    need()
    plan = plan_of(seed, nodes=1)
    print(plan)
    kafka = KafkaProcess(tmp_path / "kafka", "--revive", "1")
    try:
        outcome = disturbed(plan, tmp_path, kafka)
    finally:
        kafka.stop()
    assert outcome.differences(undisturbed(plan.data)) == []


def test_a_seed_always_makes_the_same_plan() -> None:
    assert plan_of(7) == plan_of(7)
    assert plan_of(7) != plan_of(7 + DATA_SEEDS)
