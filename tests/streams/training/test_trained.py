"""From session files to the gate's decision, with a real training of a tiny model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemas.training import TrainingProgress
from tests.faults.line import Line
from tests.streams.training.test_live import PAIRS, states, told, write_sessions
from tests.support.tinymodel import make_model
from tests.support.training import settings_of

pytestmark = pytest.mark.train


def test_sessions_lead_to_a_trained_model_and_a_decision(tmp_path: Path) -> None:
    training = settings_of(
        make_model(tmp_path / "base"),
        min_pairs=str(PAIRS),
        retries="0",
        batch="2",
        max_steps="4",
        max_length="1024",
        learning_rate="0.001",
        gate=json.dumps({"prompts": 2, "answer_tokens": 8}),
    )
    with Line(tmp_path, alone=False, environment=training) as line:
        line.until_ready()
        write_sessions(line)
        over = {"promoted", "refused", "failed"}
        line.until(lambda: over & set(states(line)), lambda: f"{told(line)}", patience=600)
        last = told(line)[-1]
        assert states(line)[:4] == ["planned", "waiting", "running", "evaluating"], last
        # Four steps on seven pairs show nothing for sure; what counts is that it was decided.
        assert last.state in ("promoted", "refused"), last
        folder = line.home / "training" / last.id
        steps = (folder / "metrics.jsonl").read_text().splitlines()
        assert [TrainingProgress.model_validate_json(step).step for step in steps] == [1, 2, 3, 4]
        assert list((folder / "tensorboard").rglob("events*"))
        decision = json.loads((folder / "gate" / "decision.json").read_text())
        assert decision["promote"] is (last.state == "promoted")
        assert str(folder / "gate" / "report.html") in last.reason
        weights = line.home / "models" / last.candidate
        assert list(weights.rglob("adapter_model.safetensors"))
        assert line.stop() == 0
