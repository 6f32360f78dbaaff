"""The ways to run Kafka that infra/ offers."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.kafka import INFRA, KafkaProcess, need

COMPOSE = INFRA.parent / "compose.yaml"


def test_both_ways_run_the_same_kafka() -> None:
    version = re.search(r"<kafka.version>(.+)</kafka.version>", (INFRA / "pom.xml").read_text())
    assert version is not None
    assert f"image: apache/kafka:{version[1]}\n" in COMPOSE.read_text()


def test_containers_are_reachable_from_this_machine_only() -> None:
    ports = re.findall(r"ports: (.+)", COMPOSE.read_text())
    assert len(ports) == 4
    assert all(re.fullmatch(r'\["127\.0\.0\.1:\d+:9092"\]', each) for each in ports)


def test_it_listens_on_loopback_only(kafka: KafkaProcess) -> None:
    text = (kafka.folder / "node-1/server.properties").read_text()
    [listeners] = re.findall(r"(?m)^listeners=(.+)", text)
    assert all("://127.0.0.1:" in each for each in listeners.split(","))


def test_two_do_not_run_on_the_same_data(kafka: KafkaProcess) -> None:
    done = subprocess.run(
        [sys.executable, str(INFRA / "run.py"), "--data", str(kafka.folder), "--port", "0"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "another Kafka runs on" in done.stderr


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "kafka.Kafka" in Path(f"/proc/{pid}/cmdline").read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_nothing_is_left_when_what_started_it_is_killed(tmp_path: Path) -> None:
    need()
    process = KafkaProcess(tmp_path)
    node = process.pid()
    assert alive(node)
    process._process.send_signal(signal.SIGKILL)
    process._process.wait()
    give_up = time.monotonic() + 10
    while alive(node):
        assert time.monotonic() < give_up
        time.sleep(0.1)
