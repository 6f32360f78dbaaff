"""A plan: what a run takes on each host, whether that is there, and what else would fit."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from trainer.plan.shapes import Shape

Offload = Literal["none", "optimizer to cpu", "all to cpu", "optimizer to nvme", "all to nvme"]
"""What leaves the accelerator's memory: nothing; optimizer state and gradients; weights, too."""


class Impossible(Exception):
    """No plan can be made of these settings; the message says why and what to do."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Need(_Part):
    """One thing that takes memory, in bytes for one device: on the accelerator, in the memory of
    the CPU beside it, and on the NVMe disk."""

    what: str
    device: int = 0
    cpu: int = 0
    nvme: int = 0


class Share(_Part):
    """One thing that takes memory on a host: bytes by pool."""

    what: str
    takes: dict[str, int]


class Node(_Part):
    """What a run takes of a host, in bytes, by pool.

    "memory" is what CPU and GPU share, "gpu" each GPU's own, "cpu" what lies beside it, "nvme" the
    disk. `pools` holds what is needed of each (the sum of the shares) and what may be used.
    """

    host: str
    devices: int
    shares: tuple[Share, ...]
    pools: dict[str, tuple[int, int]]

    @property
    def lacking(self) -> int:
        """The bytes that are missing in the pool that lacks most; 0 or less where all fits."""
        return max(needed - has for needed, has in self.pools.values())


class Layout(_Part):
    """How a model lies on the devices.

    `sharded` is ZeRO stage 3: weights, gradients and optimizer state in equal parts on all
    `ranks`. Otherwise each device has all of them. `rows` is the rows per device and pass.
    """

    ranks: int
    sharded: bool
    offload: Offload
    rows: int
    accumulation: int
    precision: Literal["bf16", "fp32"]
    accelerator: Literal["cuda", "cpu"]


class Option(_Part):
    """Something that fits: what it is, what it costs, the most one host needs of it in bytes, and
    the settings for it, as TOML that takes the place of [train] and [[hosts]]."""

    title: str
    cost: str
    needed: int
    settings: str


class Plan(_Part):
    """What a run takes. It is written as plan.json.

    `sentence` says whether it fits, and by how much; `assumptions` what the numbers rest on;
    `notes` what a person should know though it fits. `options` is empty where the wish fits.
    `deepspeed` is the ZeRO configuration, None where plain PyTorch does it.
    """

    method: Literal["dpo", "kto"]
    tuning: Literal["full", "lora", "qlora"]
    backend: Literal["trl", "axolotl"]
    shape: Shape
    trainable: int
    max_length: int
    layout: Layout
    nodes: tuple[Node, ...]
    fits: bool
    sentence: str
    notes: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    deepspeed: dict[str, Any] | None = None

    @property
    def rooms(self) -> dict[str, float]:
        """The GB that must be free on each host before it starts: of what CPU and GPU share, or of
        each GPU's own memory."""
        return {
            node.host: needed / 1e9
            for node in self.nodes
            for pool, (needed, _) in node.pools.items()
            if pool in ("memory", "gpu")
        }
