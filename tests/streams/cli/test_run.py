"""The whole line from the command line, as a user runs it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kafka import KafkaProcess

COMMAND = [sys.executable, "-c", "from streams.cli import main; main()"]
REPOSITORY = Path(__file__).parents[3]


class Shell:
    """Calls `clawback` in a process of its own, on a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {
            name: value for name, value in os.environ.items() if not name.startswith("CLAWBACK_")
        }
        self.environ["HOME"] = str(folder)
        self.environ["PYTHONPATH"] = str(REPOSITORY)
        self.environ["CLAWBACK_PATHS__HOME"] = str(folder / "samples/home")

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=self.environ,
            timeout=60,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=self.folder,
            env=self.environ,
        )

    def status(self) -> tuple[int, dict[str, list[dict[str, object]]]]:
        answer = self.call("status", "--json")
        return answer.returncode, json.loads(answer.stdout)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def once(shell: Shell) -> subprocess.CompletedProcess[str]:
    """The samples, once through."""
    return shell.call("run", "--samples", "--home", "samples", "--until-idle", "--idle", "1.5")


def test_the_samples_go_through_and_the_run_ends(
    shell: Shell, once: subprocess.CompletedProcess[str]
) -> None:
    assert once.returncode == 0, once.stderr
    assert "judged by signals only: no language model is configured" in once.stdout
    assert "please do the multi thing" in once.stdout
    counted = re.search(r"(\d+) turns, (\d+) verdicts \(", once.stdout)
    assert counted
    assert counted[1] == counted[2] != "0"
    [file] = (shell.folder / "samples/output/turns").glob("*.jsonl")
    assert f"wrote {file}" in once.stdout
    assert len(file.read_text().splitlines()) == int(counted[1])


def test_other_commands_are_pointed_at_the_samples(
    shell: Shell, once: subprocess.CompletedProcess[str]
) -> None:
    asked = shell.call("--samples", "pairs", "list", "--json")
    assert (asked.returncode, asked.stderr.count("clawback run --samples")) == (1, 1)
    place = shell.folder / "samples"
    told = once.stderr.partition("look at what comes of them with: ")[2].splitlines()[0]
    paths = f"CLAWBACK_PATHS__HOME={place}/home CLAWBACK_PATHS__OUTPUT={place}/output"
    assert told == f"{paths} clawback pairs list"
    (shell.folder / "var").mkdir()
    (shell.folder / "var/samples").symlink_to(place)
    asked = shell.call("--samples", "pairs", "list", "--json")
    assert asked.stdout == (place / "output/pairs/pairs.jsonl").read_text()


def test_on_kafka_they_are_told_of_and_counted_as_well(tmp_path: Path, kafka: KafkaProcess) -> None:
    shell = Shell(tmp_path)
    prefix = f"run-{uuid.uuid4().hex[:8]}"
    shell.environ |= {"CLAWBACK_BROKER__URL": kafka.url, "CLAWBACK_BROKER__PREFIX": prefix}
    done = shell.call("run", "--samples", "--home", "samples", "--until-idle")
    assert done.returncode == 0, done.stderr
    assert "please do the multi thing" in done.stdout
    counted = re.search(r"(\d+) turns, (\d+) verdicts \(", done.stdout)
    assert counted
    assert counted[1] == counted[2] != "0"
    code, found = shell.status()
    assert code == 3
    topics = {topic["topic"]: topic["records"] for topic in found["topics"]}
    assert topics["verdicts"] == int(counted[2])
    assert all(stage["lag"] == 0 for stage in found["stages"])
    assert any(stage["committed"] for stage in found["stages"])


def test_a_kafka_that_is_away_is_one_line_in_the_status(shell: Shell) -> None:
    away = Shell(shell.folder / "away")
    away.folder.mkdir()
    away.environ["CLAWBACK_BROKER__URL"] = "kafka://127.0.0.1:1"
    answer = away.call("status", "--json")
    assert answer.returncode == 3
    assert "127.0.0.1:1 can't be reached" in json.loads(answer.stdout)["broker_error"]
    assert "aiokafka" not in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.fixture
def running(
    shell: Shell, once: subprocess.CompletedProcess[str]
) -> Iterator[subprocess.Popen[str]]:
    """The line on the samples, at work."""
    assert once.returncode == 0
    process = shell.start("run", "--samples", "--home", "samples")
    end = time.monotonic() + 20
    while True:
        code, found = shell.status()
        if code == 0 and all(each["state"] == "running" for each in found["processes"]):
            break
        assert time.monotonic() < end, "did not start"
        time.sleep(0.1)
    yield process
    if process.poll() is None:
        process.kill()
        process.wait()


def test_it_is_seen_guarded_repaired_and_stopped(
    shell: Shell, running: subprocess.Popen[str]
) -> None:
    code, found = shell.status()
    assert code == 0
    assert found["llm_judges"] == []
    assert all(stage["lag"] == 0 for stage in found["stages"])
    topics = {topic["topic"]: topic["records"] for topic in found["topics"]}
    verdicts = topics["verdicts"]
    assert verdicts > 0

    second = shell.call("run", "--samples", "--home", "samples")
    assert second.returncode == 5
    assert f"already running on {shell.folder}/samples/home" in second.stderr

    pids = {str(each["process"]): each["pid"] for each in found["processes"]}
    assert isinstance(pids["extract"], int)
    os.kill(pids["extract"], signal.SIGKILL)
    end = time.monotonic() + 15
    while True:
        code, found = shell.status()
        processes = {str(each["process"]): each for each in found["processes"]}
        if processes["extract"]["state"] == "running" and processes["extract"]["restarts"] == 1:
            break
        assert time.monotonic() < end, "was not started again"
        time.sleep(0.1)
    assert {name for name, pid in pids.items() if processes[name]["pid"] != pid} == {"extract"}

    began = time.monotonic()
    running.send_signal(signal.SIGINT)
    assert running.wait(10) == 0
    assert time.monotonic() - began < 5
    assert shell.status()[0] == 3
    assert running.stdout is not None
    assert f"{verdicts} verdicts are there from earlier" in running.stdout.read()
