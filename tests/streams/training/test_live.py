"""From session files to a model that serves: the line as `clawback run` has it.

All is real but what would need torch: ranks take steps without learning, and the gate is shown
figures of a good model.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import orjson

from schemas.training import TrainingRun, read_training
from streams.status.training import read_training as read_state
from tests.faults.line import REPO, Line
from tests.support.pairing import pairing
from tests.support.training import base_model, variables

OLD = 1_790_000_000
PAIRS = 12


def write_sessions(line: Line) -> None:
    for session in pairing(PAIRS, OLD * 1000):
        path = line.sessions / f"{session.id}.jsonl"
        path.write_bytes(session.data)
        os.utime(path, (OLD, OLD))


def told(line: Line) -> list[TrainingRun]:
    read = (read_training(record.value or b"") for record in line.records("training"))
    return [run for run in read if isinstance(run, TrainingRun)]


def states(line: Line) -> list[str]:
    """Return the states of the runs in the order in which they were told, each once."""
    return list(dict.fromkeys(run.state for run in told(line)))


def test_sessions_lead_to_a_model_by_themselves(tmp_path: Path) -> None:
    training = variables(base_model(tmp_path), min_pairs=str(PAIRS))
    with Line(tmp_path, alone=False, environment=training) as line:
        line.until_ready()
        assert "train" in line.pids()
        write_sessions(line)
        line.until(lambda: "promoted" in states(line), lambda: f"a model; {told(line)}")
        assert states(line) == ["planned", "waiting", "running", "evaluating", "promoted"]
        (name,) = {run.id for run in told(line)}
        promoted = told(line)[-1]
        assert (promoted.pairs, promoted.attempt) == (PAIRS, 1)
        folder = line.home / "training" / name
        assert (line.output / "snapshots" / promoted.snapshot / "manifest.json").exists()
        assert orjson.loads((folder / "plan.json").read_bytes())["fits"] is True
        assert orjson.loads((folder / "done.json").read_bytes())["run"] == name
        assert (folder / "gate" / "report.html").exists()
        assert (line.home / "models" / promoted.candidate).is_dir()

        def idle() -> bool:
            state = read_state(line.home)
            return state is not None and state.run is None and state.new == 0

        line.until(idle, "the state says that nothing is under way")
        assert line.stop() == 0


def test_until_idle_waits_for_the_run_that_is_under_way(tmp_path: Path) -> None:
    training = variables(base_model(tmp_path), min_pairs=str(PAIRS), seconds=1.0)
    line = Line(tmp_path, alone=False, environment=training)
    write_sessions(line)
    command = "from streams.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", command, "run", "--until-idle", "--quiet"],
        cwd=REPO, env=line.environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert states(line)[-1] == "promoted"
    line.end()


def test_a_stage_without_its_libraries_says_what_to_install(tmp_path: Path) -> None:
    training = variables(base_model(tmp_path), min_pairs="1", retries="0")
    # As if the extra [train] were not there: no stand-ins for its packages.
    training["PYTHONPATH"] = os.environ.get("PYTHONPATH", "")
    with Line(tmp_path, alone=False, environment=training) as line:
        line.until_ready()
        write_sessions(line)
        line.until(lambda: "failed" in states(line), lambda: f"a reason; {told(line)}")
        reason = next(run.reason for run in told(line) if run.state == "failed")
        assert "has no torch" in reason
        assert ".[train]" in reason
        assert "`clawback train resume" in reason
