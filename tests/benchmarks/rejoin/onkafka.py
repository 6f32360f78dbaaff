"""The join on Kafka: by clawback's stage, and by the peer on the same topic of the same node."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from schemas.settings import Settings
from schemas.topics import VERDICTS
from streams.stages.ensemble import stage_name
from tests.benchmarks._cluster import Cluster
from tests.benchmarks.rejoin.stored import edition_of, write_config
from tests.benchmarks.rejoin.watched import Figures, running, watch

PYTHON = Path("var/quix/bin/python")
INSTALL = "python -m venv var/quix && var/quix/bin/pip install quixstreams"
"""An environment of its own: Quix Streams wants an older pydantic than clawback."""


def stage(
    cluster: Cluster,
    root: Path,
    settings: Settings,
    turns: int,
    workers: int = 1,
    *,
    pin: bool = False,
) -> Figures:
    """Join by workers of the panel's stage, from the moment they have their partitions to the
    last verdict. With `pin` each of them has one core.

    Raises:
        RuntimeError: one of several began before the others.
    """
    config = write_config(root / "clawback.toml", settings)
    group = f"clawback.{stage_name(edition_of(settings))}"
    command = [sys.executable, "-m", "streams.worker", "--config", str(config), "ensemble.default"]
    topic = f"clawback.{VERDICTS}"
    wanted = cluster.count(topic) + turns

    def together() -> bool:
        found = cluster.members(group)
        if 0 < found < workers:
            raise RuntimeError("a worker came too late; the machine is too busy for this")
        return found == workers

    with running(*[command] * workers) as started:
        for core, process in enumerate(started if pin else ()):
            os.sched_setaffinity(process.pid, {core})
        return watch(
            started,
            together,
            lambda: cluster.count(topic) >= wanted,
            cluster.node,
        )


def peer(
    cluster: Cluster, root: Path, python: Path, partitions: int, turns: int, kind: str
) -> Figures:
    """Join by Quix Streams, from the moment it has its partitions to the last verdict."""
    command = [str(python), "-W", "ignore", "-m", "tests.benchmarks.rejoin.peer"]
    command += [cluster.servers, str(root / f"quix-{kind}"), str(partitions), kind]
    with running(command) as started:
        return watch(
            started,
            lambda: cluster.members(f"peer.{kind}") == 1,
            lambda: cluster.count(peer_verdicts(kind)) >= turns,
            cluster.node,
        )


def peer_verdicts(kind: str) -> str:
    """Return the topic of a peer's verdicts."""
    return f"peer.{kind}.verdicts"
