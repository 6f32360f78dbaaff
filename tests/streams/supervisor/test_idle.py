"""When the line has nothing left to do."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from streams.embedded.log import Log
from streams.embedded.topics import LogTopics
from streams.status.training import TrainingState, write_training
from streams.supervisor import idle
from streams.supervisor.idle import end_when_idle

QUIET = 0.05


class Running:
    """A supervisor all of whose stages are ready."""

    def __init__(self, home: Path, *stages: str) -> None:
        processes = [SimpleNamespace(stages=stages)]
        self.plan = SimpleNamespace(home=home, openclaw=(home / "openclaw",), processes=processes)
        self.children = [SimpleNamespace(state=SimpleNamespace(pid=1, phase="running"))]
        self.stopped = False

    def stop(self) -> None:
        self.stopped = True


async def ends(supervisor: Any, log: Log, seconds: float = 0.5) -> bool:
    """Whether it ends within some time."""

    async def opening() -> LogTopics:
        return LogTopics(log, "clawback")

    task = asyncio.create_task(end_when_idle(supervisor, opening, QUIET))
    await asyncio.wait([task], timeout=seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return bool(supervisor.stopped)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Log:
    monkeypatch.setattr(idle, "LOOK_EVERY", 0.01)
    made = Log(tmp_path / "log.db")
    made.create_topic("clawback.entries", 1)
    return made


async def test_with_nothing_to_do_it_ends(tmp_path: Path, log: Log) -> None:
    assert await ends(Running(tmp_path, "tail", "extract"), log, 5.0)


async def test_it_waits_for_a_tailer_that_has_not_begun_to_read(tmp_path: Path, log: Log) -> None:
    session = tmp_path / "openclaw/agents/main/sessions/s.jsonl"
    session.parent.mkdir(parents=True)
    session.write_text("{}\n")
    assert not await ends(Running(tmp_path, "tail", "extract"), log)
    # Without a tailer nobody reads it.
    assert await ends(Running(tmp_path, "extract"), log, 5.0)


@pytest.mark.parametrize(("in_ms", "waits"), [(-1000, True), (3_600_000, False), (None, False)])
async def test_it_waits_for_a_run_that_is_about_to_be(
    tmp_path: Path, log: Log, in_ms: int | None, waits: bool
) -> None:
    now = int(time.time() * 1000)
    due = None if in_ms is None else now + in_ms
    write_training(tmp_path, TrainingState(now, 5, 5, due, "5 new pairs" if due else ""))
    assert await ends(Running(tmp_path, "train"), log, 0.5 if waits else 5.0) is not waits
