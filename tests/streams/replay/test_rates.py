"""What the work ahead takes."""

from __future__ import annotations

from pathlib import Path

from agents.ensemble import Pin
from agents.judges.calibration.answers import Answer, AnswerFile, Identity
from streams.replay.rates import RECENT, Meter, Rate, calibrated, estimate


def test_nothing_measured_is_nothing_known() -> None:
    assert Meter().rate() is None
    assert estimate(5, 1, None).seconds is None
    assert estimate(0, 1, None).seconds == 0.0


def test_the_mean_of_the_last_ones_counts() -> None:
    meter = Meter()
    meter.take({"latency_ms": 1e9})
    for _ in range(RECENT):
        meter.take({"latency_ms": 3_000.0, "tokens_in": 10, "tokens_out": None})
    assert meter.rate() == Rate(RECENT, 3.0, 10.0, None)


def test_several_at_a_time_take_less() -> None:
    cost = estimate(10, 4, Rate(1, 2.0, 100.0, None))
    assert (cost.seconds, cost.tokens_in, cost.tokens_out) == (5.0, 1000, None)


def test_a_judge_that_was_only_calibrated_has_a_rate(tmp_path: Path) -> None:
    pin = Pin("a", "m", "v1")
    assert calibrated(tmp_path, pin) is None
    with AnswerFile(tmp_path / "calibration" / "answers.jsonl") as file:
        for judge, seconds in (("a", 2.0), ("a", 4.0), ("b", 99.0)):
            file.add(
                Answer(
                    fingerprint="f",
                    identity=Identity(judge=judge, model="m", rubric="v1"),
                    turn_id="t",
                    asking=0,
                    status="scored",
                    tokens_in=10,
                    seconds=seconds,
                )
            )
    assert calibrated(tmp_path, pin) == Rate(2, 3.0, 10.0, None)
