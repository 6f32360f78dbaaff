"""What is run on each node, and with what in its environment. Nothing here starts anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainer.job import Job
from trainer.launch.launch import Launch, Node

RANK_MODULE = "trainer.launch.rank"


def folder_of(launch: Launch, node: Node, expanded: str = "") -> str:
    """Return a node's run folder; `expanded` is how the node itself reads a leading ``~/``."""
    return str(launch.folder) if launch.shares(node) else expanded or node.folder


def job_for(launch: Launch, node: Node, folder: str) -> Job:
    """Return what a node's ranks are told: the job with the paths it has there."""
    if launch.shares(node):
        return launch.job
    return Job.model_validate(
        launch.job.model_dump() | {"output": folder, "snapshot": f"{folder}/snapshot"}
    )


def torchrun_arguments(launch: Launch, rank: int, port: int) -> list[str]:
    """Return what torchrun is given on node number `rank`, the job's file left out."""
    node, first = launch.nodes[rank], launch.nodes[0]
    return [
        f"--nnodes={len(launch.nodes)}",
        f"--node-rank={rank}",
        f"--nproc-per-node={node.devices}",
        f"--master-addr={first.meeting or '127.0.0.1'}",
        f"--master-port={port}",
        "--max-restarts=0",
        "--module",
        RANK_MODULE,
        launch.module,
    ]


def environment(launch: Launch, rank: int) -> dict[str, str]:
    """Return what a node's processes have in their environment beside what is there.

    NCCL and gloo are told their network interface by its name: by themselves they take the first
    one they find, which on a machine with Docker or a VPN is the wrong one.
    """
    node = launch.nodes[rank]
    told = {"OMP_NUM_THREADS": str(node.threads), "TOKENIZERS_PARALLELISM": "false"}
    if node.network:
        told |= {"NCCL_SOCKET_IFNAME": node.network, "GLOO_SOCKET_IFNAME": node.network}
    if launch.offline:
        told |= {"HF_HUB_OFFLINE": "1"}
    if launch.job.accelerator == "cpu":
        told |= {"DS_ACCELERATOR": "cpu", "CUDA_VISIBLE_DEVICES": ""}
        # Else glibc keeps what has been freed: half as much memory again as is in use.
        told |= {"MALLOC_MMAP_THRESHOLD_": str(1 << 20)}
    return told


def order(launch: Launch, rank: int, port: int, folder: str) -> Mapping[str, Any]:
    """Return what a node's agent is told, as it goes over the line; see `trainer.launch.host`."""
    node = launch.nodes[rank]
    return {
        "run": launch.run,
        "node": node.name,
        "folder": folder,
        "job": job_for(launch, node, folder).model_dump(mode="json"),
        "torchrun": torchrun_arguments(launch, rank, port),
        "environment": environment(launch, rank),
        "alone": len(launch.nodes) == 1,
        "mirror": not launch.shares(node),
        "first": rank == 0,
        "grace": launch.grace,
        "silence": launch.silence,
    }
