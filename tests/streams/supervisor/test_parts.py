"""The supervisor's small parts: plan, layout, back-off, lock, state, log files."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.settings import ModelJudge, Panel, Settings, SignalsJudge, Train
from streams.lineup import ensemble_names, stage_names
from streams.supervisor import lines as lines_module
from streams.supervisor.backoff import Backoff
from streams.supervisor.idle import Stillness
from streams.supervisor.layout import layout, stages
from streams.supervisor.lines import Lines, Splitter
from streams.supervisor.lock import AlreadyRunning, HomeLock
from streams.supervisor.plan import Plan
from streams.supervisor.state import LineState, ProcessState, read_state, write_state
from tests.streams.supervisor.conftest import plan


def test_a_plan_survives_being_written(tmp_path: Path) -> None:
    made = plan(tmp_path, ("a", "b"))
    assert Plan.from_json(made.to_json()) == made


def test_the_supervisor_stays_lean() -> None:
    probe = "import sys, streams.supervisor.__main__ as m; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert not {"pydantic", "faust", "click", "rich", "aiokafka"} & set(done.stdout.split())


def test_the_default_layout() -> None:
    assert [(each.name, each.stages) for each in layout(Settings())] == [
        ("tail", ("tail",)),
        ("extract", ("extract", "prefilter")),
        (
            "signals",
            ("judge.signals-errors", "judge.signals-reaction", "judge.signals-efficiency"),
        ),
        ("ensemble.default", ensemble_names(Settings())),
        ("sinks", ("turnfiles", "pairs")),
    ]


def test_a_language_model_has_a_process_of_its_own() -> None:
    settings = Settings(
        judges=(
            ModelJudge(kind="ollama", name="a", url="http://a", model="m"),
            SignalsJudge(name="s", strict_on="errors"),
            ModelJudge(kind="openai", name="b", url="http://b", model="m"),
        ),
        panels=(
            Panel(name="default", judges=("a", "b", "s")),
            Panel(name="two", judges=("a", "b")),
        ),
    )
    assert [each.name for each in layout(settings)] == [
        "tail", "extract", "signals", "judge.a", "judge.b",
        "ensemble.default", "ensemble.two", "sinks",
    ]  # fmt: skip
    # Every stage there is runs in one process, and none that there is not.
    assert sorted(stages(settings)) == sorted(stage_names(settings))


def test_training_has_a_process_of_its_own_where_it_is_on() -> None:
    settings = Settings(train=Train(enabled=True))
    assert layout(settings)[-1].stages == ("train",)
    assert sorted(stages(settings)) == sorted(stage_names(settings))


def test_backoff_doubles_to_its_limit_and_forgets_after_health() -> None:
    backoff = Backoff(0.5, 60)
    waits = [backoff.died(1) for _ in range(9)]
    assert waits == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]
    assert backoff.looping
    assert backoff.died(61) == 0.5
    assert not backoff.looping
    for _ in range(2000):
        assert backoff.died(0) <= 60


def test_one_run_for_a_home(tmp_path: Path) -> None:
    first, second = HomeLock(tmp_path), HomeLock(tmp_path)
    assert second.holder() is None
    first.acquire()
    assert second.holder() == os.getpid()
    with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}") as caught:
        second.acquire()
    assert caught.value.pid == os.getpid()
    first.release()
    assert second.holder() is None
    second.acquire()
    second.release()


def test_a_dead_holder_leaves_no_lock(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from streams.supervisor.lock import HomeLock\n"
        "HomeLock(Path(sys.argv[1])).acquire(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    lock = HomeLock(tmp_path)
    assert lock.holder() is None
    lock.acquire()
    lock.release()


def test_the_state_is_read_back_and_garbage_is_none(tmp_path: Path) -> None:
    assert read_state(tmp_path) is None
    (tmp_path / "run").mkdir()
    state = LineState(1, 2, "c", [ProcessState("tail", ("tail",), pid=3, restarts=1)])
    write_state(tmp_path, state)
    found = read_state(tmp_path)
    assert found is not None
    assert (found.pid, found.processes[0].name, found.processes[0].restarts) == (1, "tail", 1)
    (tmp_path / "run/state.json").write_text('{"pid": 1')
    assert read_state(tmp_path) is None


def test_lines_are_cut_and_bounded() -> None:
    splitter = Splitter()
    assert splitter.feed(b"one\ntw") == ["one"]
    assert splitter.feed("o ü\n\n".encode()) == ["two ü"]
    assert [len(line) for line in splitter.feed(b"x" * 100_000)] == [lines_module.LINE_CHARS]
    assert splitter.feed(b"\xff end") == []
    assert splitter.end() == ["� end"]
    assert splitter.end() == []


def test_chatter_is_for_the_files(tmp_path: Path) -> None:
    console = io.StringIO()
    lines = Lines(tmp_path, console)
    lines.take("tail", "INFO following 3 files")
    lines.take("tail", "WARNING a line is too long")
    lines.close()
    assert console.getvalue() == "tail | WARNING a line is too long\n"
    assert (tmp_path / "tail.log").read_text().count("\n") == 2


def test_log_files_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module, "FILE_BYTES", 10_000)
    lines = Lines(tmp_path, None)
    for number in range(5000):
        lines.take("tail", f"{number} {'x' * 50}")
    lines.close()
    files = list(tmp_path.iterdir())
    assert len(files) == 1 + lines_module.KEPT_FILES
    assert sum(file.stat().st_size for file in files) <= 41_000


def test_a_console_that_is_gone_does_not_matter(tmp_path: Path) -> None:
    class Gone(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    lines = Lines(tmp_path, Gone())
    lines.say("one")
    lines.say("two")
    lines.close()
    assert (tmp_path / "clawback.log").read_text().count("\n") == 2


def test_stillness_counts_from_the_last_change() -> None:
    now = 0.0
    still = Stillness(lambda: now)
    assert still.of("a") == 0
    now = 2.0
    assert still.of("a") == 2
    assert still.of("b") == 0
