"""A stage that lives and does nothing is noticed, and started again."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.faults import crashing
from tests.faults.conftest import World
from tests.faults.line import Line
from tests.support.kafka import KafkaProcess

SOON = {"CLAWBACK_RUN__STALLED": "5s"}


@pytest.mark.slow
def test_a_stage_that_was_stopped_is_replaced(tmp_path: Path, world: World) -> None:
    with Line(tmp_path, alone=False, environment=SOON) as line:
        line.until_ready()
        stopped = line.signal("extract", signal.SIGSTOP)
        world.write(line)
        line.until(
            lambda: line.pids().get("extract", stopped) != stopped, "another one does its work"
        )
        assert "extract has committed nothing for" in line.story()
        assert f"killing its process {stopped}" in line.story()
        world.check(line)


@pytest.mark.slow
def test_on_kafka_too(tmp_path: Path, world: World, kafka: KafkaProcess) -> None:
    with Line(tmp_path, alone=False, environment=SOON, kafka=kafka) as line:
        line.until_ready()
        stopped = line.signal("extract", signal.SIGSTOP)
        world.write(line)
        line.until(
            lambda: line.pids().get("extract", stopped) != stopped, "another one does its work"
        )
        assert f"killing its process {stopped}" in line.story()
        world.check(line)


@pytest.mark.slow
def test_a_kafka_that_is_away_is_nobodys_stall(
    tmp_path: Path, world: World, kafka: KafkaProcess
) -> None:
    environment = {"CLAWBACK_RUN__STALLED": "10s"}
    with Line(tmp_path, alone=False, environment=environment, kafka=kafka) as line:
        world.write(line, 0.5)
        line.until(lambda: len(line.verdicts()) > 0, "verdicts come")
        kafka.pause()
        try:
            world.write(line)
            time.sleep(20)
        finally:
            kafka.resume()
        world.check(line)
        assert "killing its process" not in line.story(1000)


@pytest.mark.slow
def test_a_tailer_that_was_stopped_is_replaced(tmp_path: Path, world: World) -> None:
    with Line(tmp_path, alone=False, environment=SOON) as line:
        line.until_ready()
        world.write(line, 0.3)
        stopped = line.signal("tail", signal.SIGSTOP)
        world.write(line)
        line.until(lambda: line.pids().get("tail", stopped) != stopped, "another one reads")
        assert "tail has read nothing for" in line.story()
        assert f"killing its process {stopped}" in line.story()
        world.check(line)


def test_an_agent_that_hangs_is_replaced(tmp_path: Path, world: World) -> None:
    diary = tmp_path / "diary"
    diary.mkdir()
    environment = {**SOON, crashing.DIARY: str(diary), crashing.HANG: "prefilter"}
    with Line(tmp_path, alone=False, environment=environment, supervisor=crashing.__name__) as line:
        world.write(line)
        line.until(lambda: "prefilter has committed nothing for" in line.story(), "it is noticed")
        world.check(line)


@pytest.mark.slow
def test_stages_that_have_nothing_to_do_are_left_alone(tmp_path: Path, world: World) -> None:
    with Line(tmp_path, alone=False, environment={"CLAWBACK_RUN__STALLED": "2s"}) as line:
        world.write(line)
        line.until(lambda: len(line.verdicts()) == len(world.turns), "all are judged")
        pids = line.pids()
        line.until(lambda: not any(line.lag().values()), "all is read")
        with pytest.raises(AssertionError, match="in vain"):
            line.until(lambda: line.pids() != pids, "somebody is restarted", patience=10)
