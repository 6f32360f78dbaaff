#!/usr/bin/env python3
"""Run Apache Kafka on this machine, without Docker: one node, or three.

It needs Java 17 and, the first time, Maven, and nothing else: no Python package either. It
listens on loopback only. Ctrl-C stops it; its data stay in the folder and are there next time.

    python infra/kafka/run.py                   one node on 127.0.0.1:9092, data in var/kafka
    python infra/kafka/run.py --nodes 3         three nodes on 9092, 9094 and 9096
    python infra/kafka/run.py --port 0          on free ports; the line "ready" names them
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import fcntl
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import jars
from node import HOST, Node, prepare, settings, start

PATIENCE = 90.0
STOP_PATIENCE = 20.0


def main() -> None:
    """Run until Ctrl-C, SIGTERM, or the end of standard input where --leash is given."""
    arguments = _arguments()
    try:
        path = jars.classpath()
    except jars.MissingTool as error:
        sys.exit(str(error))
    data: Path = arguments.data.absolute()
    data.mkdir(parents=True, exist_ok=True)
    with _only_one(data):
        nodes = _nodes(data, arguments.nodes, arguments.port)
        extra = dict(pair.split("=", 1) for pair in arguments.set)
        for node in nodes:
            prepare(node, settings(node, nodes, extra), _cluster(data), path, arguments.scram)
        Cluster(nodes, path, arguments.heap, arguments.revive).run(leash=arguments.leash)


class Cluster:
    """The running nodes. `revive`: seconds until a node that died is started again, or None."""

    def __init__(self, nodes: Sequence[Node], path: str, heap: str, revive: float | None) -> None:
        self._nodes = nodes
        self._path = path
        self._heap = heap
        self._revive = revive
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._died: dict[int, float] = {}
        self._stop = threading.Event()

    def run(self, *, leash: bool) -> None:
        """Start all nodes and look after them until told to stop.

        Raises:
            SystemExit: a node did not come up, or died and is not to be revived.
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        try:
            for node in self._nodes:
                self._running[node.number] = start(node, self._path, self._heap)
            self._wait_until_ready()
            if not self._stop.is_set():
                self._announce()
            while not self._stop.is_set():
                self._look()
                if leash and _ended(sys.stdin.fileno(), 0.2):
                    break
                if not leash:
                    self._stop.wait(0.5)
        finally:
            self._end()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop.set()

    def _announce(self) -> None:
        servers = ",".join(f"{HOST}:{node.port}" for node in self._nodes)
        print(f"ready kafka://{servers}", flush=True)
        print(f'Ctrl-C stops it. In clawback.toml: broker.url = "kafka://{servers}"', flush=True)

    def _wait_until_ready(self) -> None:
        give_up = time.monotonic() + PATIENCE
        for node in self._nodes:
            while not _listens(node.port) and not self._stop.is_set():
                died = self._running[node.number].poll() is not None
                if died or time.monotonic() > give_up:
                    what = "ended" if died else f"is not up after {PATIENCE:.0f} s"
                    sys.exit(f"node {node.number} {what}:\n{_last_lines(node)}")
                self._stop.wait(0.1)

    def _look(self) -> None:
        """Start again what died a while ago, or give up on it."""
        now = time.monotonic()
        for node in self._nodes:
            process = self._running[node.number]
            if process.poll() is None:
                continue
            if self._revive is None:
                sys.exit(f"node {node.number} ended:\n{_last_lines(node)}")
            if now - self._died.setdefault(node.number, now) >= self._revive:
                del self._died[node.number]
                self._running[node.number] = start(node, self._path, self._heap)

    def _end(self) -> None:
        for process in self._running.values():
            process.terminate()
        give_up = time.monotonic() + STOP_PATIENCE
        for process in self._running.values():
            try:
                process.wait(max(0.1, give_up - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--nodes", type=int, choices=(1, 3), default=1, help="how many nodes")
    add("--port", type=int, default=9092, help="of the first node; 0 takes free ports")
    add("--data", type=Path, default=Path("var/kafka"), help="folder of the data (var/kafka)")
    add("--heap", default="512m", help="memory of each node's JVM heap (512m)")
    add("--revive", type=float, metavar="SECONDS", help="start a node that died again after this")
    add("--leash", action="store_true", help="stop when standard input ends")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of Kafka's")
    add("--scram", action="append", default=[], metavar="USER", help="as kafka-storage.sh's")
    return parser.parse_args()


@contextlib.contextmanager
def _only_one(data: Path):  # type: ignore[no-untyped-def]
    """Hold the folder: two Kafkas on the same data would destroy it."""
    with (data / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"another Kafka runs on {data}")
        yield


def _nodes(data: Path, count: int, port: int) -> list[Node]:
    ports = _free_ports(2 * count) if port == 0 else list(range(port, port + 2 * count))
    return [
        Node(number, ports[2 * number - 2], ports[2 * number - 1], data / f"node-{number}")
        for number in range(1, count + 1)
    ]


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


def _cluster(data: Path) -> str:
    """Return the cluster's id, made with the folder."""
    file = data / "cluster"
    if not file.exists():
        made = "-"
        # Kafka's tools would take it for an option.
        while made.startswith("-"):
            made = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        file.write_text(made)
    return file.read_text()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def _ended(descriptor: int, seconds: float) -> bool:
    readable, _, _ = select.select([descriptor], [], [], seconds)
    return bool(readable) and not sys.stdin.buffer.read1(4096)


def _last_lines(node: Node) -> str:
    text = (node.folder / "kafka.log").read_text(errors="replace")
    return "\n".join(text.splitlines()[-15:])


if __name__ == "__main__":
    main()
