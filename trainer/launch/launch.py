"""What the launcher is told, as a JSON file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from schemas.settings import Host, Settings
from trainer.job import DONE, METRICS, MODEL, TOKENS, Job

LAUNCH: Final = "launch.json"
"""The file's name in a run's folder."""

PORT: Final = 29_500
"""Where rank 0 listens for the others; the next ports are tried where something listens there."""

PACKAGES: Final = ("torch", "transformers", "trl", "datasets", "accelerate", "peft")


class Unlaunchable(Exception):
    """The settings describe no run that can be launched. One line that says which and why."""


class Node(BaseModel):
    """One host of a run, in the order of the ranks.

    `address` is where ssh reaches it, "" for this machine. `meeting` is the address at which the
    other nodes reach it, `network` the network interface they do it by, "" for any. `folder` is
    the run's own folder there; it may begin with ``~/``. `threads` are each rank's CPU threads.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    address: str = ""
    meeting: str = ""
    network: str = ""
    devices: int = Field(1, ge=1)
    threads: int = Field(1, ge=1)
    python: str
    folder: str


class Launch(BaseModel):
    """A run on its hosts. Times are in seconds.

    Args:
        folder: the run's folder on this machine; a node of this machine may work in it.
        job: what to train, with this machine's paths. Each node gets it with its own.
        module: what every rank runs, with the job's file as its argument.
        packages: what it needs beside clawback.
        offline: whether the base is a file or directory, so that no model hub is to be asked.
        results: what is brought from the first node's folder to `folder`, the last one last. A run
            that does not leave that one has failed.
        connecting: how long ssh may take to reach a host.
        checking: how long a host may take to say what it has.
        grace: how long ranks may take to end when they are told to.
        silence: an agent that hears nothing from the launcher for so long ends its ranks.
        quiet: a run that writes no log for so long is said to.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: str
    folder: Path
    nodes: tuple[Node, ...] = Field(min_length=1)
    job: Job
    module: str = "trainer.rank"
    packages: tuple[str, ...] = PACKAGES
    offline: bool = False
    results: tuple[str, ...] = (MODEL, METRICS, TOKENS, DONE)
    port: int = PORT
    connecting: float = 10.0
    checking: float = 60.0
    grace: float = 20.0
    silence: float = 120.0
    quiet: float = 1800.0

    def write(self) -> Path:
        """Write it into the run's folder, in one step, and return where.

        Raises:
            OSError: the folder can't be written.
        """
        path = self.folder / LAUNCH
        temporary = path.with_suffix(".tmp")
        temporary.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        os.replace(temporary, path)
        return path

    def shares(self, node: Node) -> bool:
        """Say whether a node works in `folder` itself, so that nothing is sent or fetched."""
        return not node.address and Path(node.folder) == self.folder


def launch_of(
    settings: Settings,
    run: str,
    folder: Path,
    job: Job,
    hosts: Sequence[Host] | None = None,
    *,
    python: str = "",
) -> Launch:
    """Return how a run is launched. Nothing is started or asked.

    Args:
        settings: the line's settings.
        run: the run's id.
        folder: its folder on this machine.
        job: what to train, with this machine's paths.
        hosts: those it runs on, rank 0's first; all of the settings, or this machine, by default.
        python: what runs on this machine where the settings name none; this interpreter by default.

    Raises:
        Unlaunchable: several hosts, and one of them can't be reached by the others.
    """
    import sys

    chosen = tuple(hosts if hosts is not None else settings.hosts) or (
        Host(name="here", accelerator=job.accelerator),
    )
    here = settings.train.python or python or sys.executable
    path = is_path(job.model)
    packages = PACKAGES + (("deepspeed",) if job.deepspeed else ())
    packages += ("bitsandbytes",) if job.tuning == "qlora" else ()
    axolotl = settings.train.backend == "axolotl"
    return Launch(
        run=run,
        folder=folder,
        nodes=tuple(_node(host, settings, folder, run, here, len(chosen)) for host in chosen),
        job=job,
        module="trainer.axolotl.rank" if axolotl else "trainer.rank",
        packages=(*packages, "axolotl") if axolotl else packages,
        offline=path,
    )


def is_path(model: str) -> bool:
    """Say whether a base is a file or a directory, and no name on a hub."""
    return model.startswith(("/", "~", "./", "../")) or Path(model).exists()


def reached_at(address: str) -> str:
    """Return the host part of what ssh is given, such as ``user@spark1`` or ``ssh://spark1:22``."""
    rest = address.removeprefix("ssh://").rpartition("@")[2]
    if rest.startswith("["):
        return rest[1:].partition("]")[0]
    return rest.partition(":")[0] if rest.count(":") == 1 else rest


def _node(host: Host, settings: Settings, folder: Path, run: str, here: str, count: int) -> Node:
    meeting = host.interface or reached_at(host.address)
    if count == 1:
        meeting = "127.0.0.1"
    elif not meeting:
        raise Unlaunchable(
            f"host {host.name!r} is this machine and trains together with others; set its "
            "interface to the address by which they reach it"
        )
    local = not host.address
    threads = 1
    if host.accelerator == "cpu" and local:
        threads = max(1, (os.cpu_count() or 1) // host.devices)
    return Node(
        name=host.name,
        address=host.address,
        meeting=meeting,
        network=host.network,
        devices=host.devices,
        threads=threads,
        # The interpreter of this machine means nothing elsewhere.
        python=host.python or (here if local else settings.train.python or "python3"),
        folder=str(folder) if local else f"{host.folder}/{run}",
    )
