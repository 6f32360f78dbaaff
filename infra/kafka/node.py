"""One Kafka node, broker and controller in one: its settings, its storage, its process."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
LARGEST_RECORD = 10 << 20
LOGGING = Path(__file__).with_name("log4j2.properties")
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Node:
    """Where a node listens: `port` for clients, `controller` for the other nodes' metadata."""

    number: int
    port: int
    controller: int
    folder: Path


def settings(node: Node, nodes: Sequence[Node], extra: Mapping[str, str]) -> dict[str, str]:
    """Return the node's server.properties; `extra` is laid over them. ``{listeners}`` in a value
    of it is what the node would have listened on without."""
    listeners = f"PLAINTEXT://{HOST}:{node.port},CONTROLLER://{HOST}:{node.controller}"
    copies = str(min(3, len(nodes)))
    voters = ",".join(f"{each.number}@{HOST}:{each.controller}" for each in nodes)
    return {
        "process.roles": "broker,controller",
        "node.id": str(node.number),
        "controller.quorum.voters": voters,
        "controller.listener.names": "CONTROLLER",
        "listeners": listeners,
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,"
        "SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL",
        "log.dirs": str(node.folder / "data"),
        # A topic is made with the partitions and the retention that clawback gives it, or not.
        "auto.create.topics.enable": "false",
        "log.retention.ms": "-1",
        "message.max.bytes": str(LARGEST_RECORD),
        "replica.fetch.max.bytes": str(LARGEST_RECORD),
        "default.replication.factor": copies,
        # What two of three have written survives the loss of any one.
        "min.insync.replicas": "2" if len(nodes) >= 3 else "1",
        "unclean.leader.election.enable": "false",
        "offsets.topic.num.partitions": "8",
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.num.partitions": "2",
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": "2" if len(nodes) >= 3 else "1",
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": "1",
        # A stage that is started alone need not wait for others of its group.
        "group.initial.rebalance.delay.ms": "0",
        "controlled.shutdown.enable": "true" if len(nodes) > 1 else "false",
        **{name: value.replace("{listeners}", listeners) for name, value in extra.items()},
    }


def prepare(
    node: Node, properties: Mapping[str, str], cluster: str, jars: str, scram: Sequence[str]
) -> None:
    """Write the node's settings and format its storage, unless it has been.

    Args:
        cluster: the cluster's id, the same for all nodes.
        scram: users to make, as StorageTool takes them: ``SCRAM-SHA-512=[name=a,password=b]``.

    Raises:
        SystemExit: Kafka refused the settings; its words are on standard error.
    """
    node.folder.mkdir(parents=True, exist_ok=True)
    file = _properties(node)
    file.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    if (node.folder / "data" / "meta.properties").exists():
        return
    users = [word for user in scram for word in ("--add-scram", user)]
    done = subprocess.run(
        [
            *_java(jars, "128m"),
            *("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(file), *users),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"node {node.number}: Kafka could not format {node.folder}:\n{done.stderr}")


def start(node: Node, jars: str, heap: str) -> subprocess.Popen[bytes]:
    """Start the node's process; what it has to say goes to ``kafka.log`` in its folder."""
    with (node.folder / "kafka.log").open("ab") as log:
        process = subprocess.Popen(
            [*_java(jars, heap), "kafka.Kafka", str(_properties(node))],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Ctrl-C reaches run.py alone, which then ends the nodes in order.
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
    (node.folder / "pid").write_text(f"{process.pid}\n")
    return process


def _java(jars: str, heap: str) -> list[str]:
    return [
        "java",
        f"-Xmx{heap}",
        "-XX:+UseSerialGC",
        f"-Dlog4j2.configurationFile={LOGGING}",
        *("-cp", jars),
    ]


def _properties(node: Node) -> Path:
    return node.folder / "server.properties"


def _die_with_parent() -> None:
    """Have the kernel end this process when run.py is killed and can't do it itself."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)
