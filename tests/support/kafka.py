"""Apache Kafka for tests, from infra/kafka: started once a test session, on free ports.

It is found through the fixture `kafka`; tests that take it are skipped on a machine without Java
or Maven, but never in CI.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import psutil
import pytest

INFRA = Path(__file__).parents[2] / "infra/kafka"
PATIENCE = 180.0


class KafkaProcess:
    """Kafka as a child of this process: `url` is what broker.url is to be.

    It ends with this process, however that ends: its standard input is our pipe.

    Args:
        options: what run.py is told beside the ports and the folder.

    Raises:
        RuntimeError: it did not come up.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.nodes = int(options[options.index("--nodes") + 1]) if "--nodes" in options else 1
        self._process = subprocess.Popen(
            [
                *(sys.executable, str(INFRA / "run.py"), "--leash", "--port", "0"),
                *("--data", str(folder), "--heap", "384m", *options),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: list[str] = []
        self._changed = threading.Condition()
        assert self._process.stdout is not None
        threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True).start()
        self.url = self._wait_until_ready()

    def pid(self, node: int = 1) -> int:
        """Return the process id of a node's JVM."""
        return int((self.folder / f"node-{node}/pid").read_text())

    def pause(self, node: int = 1) -> None:
        """Stop a node where it stands, as if its machine hung; return when it does."""
        os.kill(self.pid(node), signal.SIGSTOP)
        deadline = time.monotonic() + PATIENCE
        while not _stands(self.pid(node)):
            assert time.monotonic() < deadline, f"node {node} goes on"
            time.sleep(0.001)

    def resume(self, node: int = 1) -> None:
        """Let a paused node go on."""
        os.kill(self.pid(node), signal.SIGCONT)

    def kill(self, node: int = 1) -> None:
        """SIGKILL a node; run.py starts it again where it was told to --revive."""
        os.kill(self.pid(node), signal.SIGKILL)

    def stop(self) -> None:
        """End all nodes."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _listen(self, output: IO[str]) -> None:
        for line in output:
            with self._changed:
                self._lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self._lines.append("")
            self._changed.notify_all()

    def _wait_until_ready(self) -> str:
        give_up = time.monotonic() + PATIENCE
        with self._changed:
            while time.monotonic() < give_up:
                for line in self._lines:
                    if line.startswith("ready "):
                        return line.split()[1]
                    if not line:
                        raise RuntimeError("Kafka did not start:\n" + "".join(self._lines))
                self._changed.wait(1)
        self.stop()
        raise RuntimeError("Kafka is not ready:\n" + "".join(self._lines))


def lack() -> str | None:
    """Return what this machine lacks to run Kafka, or None."""
    spec = importlib.util.spec_from_file_location("infra_kafka_jars", INFRA / "jars.py")
    assert spec is not None
    assert spec.loader is not None
    jars: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(jars)
    missing: str | None = jars.missing()
    return missing


def need() -> None:
    """Skip the test at hand where Kafka can't run; in CI, fail it."""
    missing = lack()
    if missing is None:
        return
    if os.environ.get("CI"):
        pytest.fail(f"in CI the tests on Kafka must run. {missing}")
    pytest.skip(f"to run the tests on Kafka too: {missing}")


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaProcess]:
    """One node, with nothing on it but what other tests left: use topics of your own."""
    need()
    process = KafkaProcess(tmp_path_factory.mktemp("kafka"))
    yield process
    process.stop()


def _stands(pid: int) -> bool:
    """Whether a process has stopped with all its threads, which stop one after the other."""
    tasks = Path(f"/proc/{pid}/task")
    if not tasks.exists():
        return psutil.Process(pid).status() == psutil.STATUS_STOPPED
    # The state stands behind the name, which is in brackets and may hold anything (proc(5)).
    states = [(task / "stat").read_text().rpartition(")")[2].split()[0] for task in tasks.iterdir()]
    return all(state == "T" for state in states)
