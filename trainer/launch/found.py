"""What a host has, and what it lacks for a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from trainer.launch.asked import MARK
from trainer.launch.launch import Launch, Node

AGENT: Final = "trainer.launch.host"

ALIKE: Final = ("torch", "deepspeed")
"""Packages that speak to each other across hosts, and are only made to speak to themselves."""


class Found(BaseModel):
    """What a host has; see `trainer.launch.asked`. A version is "" where a package is missing."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    python: str
    folder: str
    versions: Mapping[str, str]
    modules: Mapping[str, bool]
    files: Mapping[str, bool]
    done: bool
    rsync: bool
    port: int
    gpus: int | None


def questions(launch: Launch, rank: int) -> list[str]:
    """Return the words after the interpreter that ask node number `rank`."""
    node = launch.nodes[rank]
    asked: dict[str, Any] = {
        "folder": node.folder,
        "packages": launch.packages,
        "modules": [AGENT, launch.module],
        "files": [launch.job.model] if launch.offline else [],
        "proof": launch.results[-1],
        "port": launch.port if rank == 0 else 0,
        "gpus": launch.job.accelerator == "cuda",
    }
    script = files("trainer.launch").joinpath("asked.py").read_text(encoding="utf-8")
    return ["-c", script, json.dumps(asked)]


def read_found(printed: str) -> Found | None:
    """Return the answer in what a host printed, None where there is none."""
    for line in reversed(printed.splitlines()):
        if line.startswith(MARK):
            try:
                return Found.model_validate_json(line.removeprefix(MARK))
            except ValidationError:
                return None
    return None


def lacks(launch: Launch, node: Node, found: Found) -> list[str]:
    """Return what a node lacks, a line each, with what to do about it."""
    lines = []
    missing = [name for name, version in found.versions.items() if not version]
    if not all(found.modules.values()):
        missing.insert(0, "clawback")
    if missing:
        install = f"{node.python} -m pip install -e '.[train]'"
        where = f"ssh {node.address}, then " if node.address else ""
        lines.append(
            f"{node.name}: {node.python} (Python {found.python}) has no {', '.join(missing)}; "
            f"{where}in a copy of this project: {install}; or set python in [[hosts]]"
        )
    for path, there in found.files.items():
        if not there:
            copy = f" (rsync -a {path}/ {node.address}:{path}/)" if node.address else ""
            lines.append(f"{node.name}: there is no {path} to train; copy it there{copy}")
    if found.gpus is not None and found.gpus < node.devices:
        lines.append(
            f"{node.name}: nvidia-smi lists {found.gpus} GPUs and devices is {node.devices}"
        )
    if launch.nodes[0] == node and not found.port:
        lines.append(f"{node.name}: no port from {launch.port} on is free")
    return lines


def unlike(launch: Launch, found: Mapping[str, Found]) -> list[str]:
    """Return which packages differ between nodes, a line each."""
    lines = []
    for package in ALIKE:
        versions = {node.name: found[node.name].versions.get(package, "") for node in launch.nodes}
        if len(set(versions.values())) > 1:
            each = ", ".join(f"{version} on {name}" for name, version in versions.items())
            lines.append(f"{package} must be the same everywhere: {each}")
    return lines
