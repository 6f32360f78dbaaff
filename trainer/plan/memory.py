"""What a run takes on one device, in bytes, for each thing that takes memory.

Weights, gradients and optimizer state are counted as in Rajbhandari et al. 2020, "ZeRO: Memory
Optimizations Toward Training Trillion Parameter Models" (arXiv:1910.02054), section 3.1: with Adam
in mixed precision, 2 bytes of weights, 2 of gradients and 12 of optimizer state (weights, momentum
and variance in fp32) for each trained parameter. ZeRO stage 3 divides all three by the number of
ranks. What offloading leaves behind is read from DeepSpeed 0.19 (runtime/zero/stage3.py).
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from trainer.plan.activations import SIDES, Head, activations
from trainer.plan.plans import Layout, Need
from trainer.plan.shapes import Shape

WIDTH: Final = {"bf16": 2, "fp32": 4}
"""Bytes of a weight, a gradient and an activation."""

ADAM: Final = 8
"""Momentum and variance, in fp32."""

MASTER: Final = 4
"""The fp32 copy of a weight that is trained in 16 bits."""

FP32: Final = 4
FOUR_BITS: Final = 0.5 + 1 / 64 + 4 / (64 * 256)
"""Bytes of a weight in NF4 with double quantisation: half a byte, one byte for each 64 of them,
and one fp32 for each 256 of those (Dettmers et al. 2023, arXiv:2305.14314, section 3)."""

SUB_GROUP: Final = 1_000_000_000
"""DeepSpeed's `sub_group_size`: how many weights are updated at once."""

SWAPPED_SUB_GROUP: Final = 100_000_000
"""The same where optimizer state comes from a disk; each swap buffer is as large."""

LIVE: Final = 1_000_000_000
"""DeepSpeed's `stage3_max_live_parameters`: gathered weights that may stand beside the next."""

SWAP_BUFFERS: Final = 4
"""DeepSpeed's `offload_optimizer.buffer_count`: weight, gradient, momentum, variance."""

PARAMETER_BUFFERS: Final = 5
"""DeepSpeed's `offload_param.buffer_count`."""

PARAMETERS_IN_CPU: Final = 1_000_000_000
"""DeepSpeed's `offload_param.max_in_cpu`."""

OVERLAP: Final = 4.5
"""Buckets that `overlap_comm` takes instead of one, by DeepSpeed's documentation."""

PROCESS: Final = {"cuda": 2_000_000_000, "cpu": 1_200_000_000}
"""A rank's own memory before any model. GPU: the kernels' 1 to 2 GB, by transformers' "Model
training anatomy". CPU: 1.15 GB was the most that a rank of two took with ZeRO-3, of a model of
a few thousand weights."""


class Work(BaseModel):
    """What is to be done, as far as memory depends on it. `rank` is LoRA's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["dpo", "kto"]
    tuning: Literal["full", "lora", "qlora"]
    max_length: int
    rank: int
    head: Head


def trainable(shape: Shape, work: Work) -> int:
    """Return how many parameters are trained."""
    return shape.parameters if work.tuning == "full" else shape.adapter(work.rank)


def base_bytes(shape: Shape, tuning: str, width: int) -> int:
    """Return the bytes of the base. In 4 bits only the layers' matrices are."""
    if tuning != "qlora":
        return shape.parameters * width
    quantized = shape.layers * shape.linear
    return int(quantized * FOUR_BITS) + (shape.parameters - quantized) * width


def needs(shape: Shape, work: Work, layout: Layout) -> tuple[Need, ...]:
    """Return what one device takes, the largest parts apart.

    The activations of a pass and the update of the weights never stand beside each other: the
    larger is counted.
    """
    width = WIDTH[layout.precision]
    tokens = layout.rows * SIDES[work.method] * work.max_length
    full, cpu = work.tuning == "full", layout.accelerator == "cpu"
    passing = activations(shape, tokens, width, work.head, trained_head=full, cpu=cpu)
    updating = _update(shape, work, layout)
    found = [
        *state(shape, work, layout),
        _gathered(shape, layout),
        Need(what="activations", device=passing)
        if passing >= updating
        else Need(what="update of the weights", device=updating),
        Need(what="libraries", device=PROCESS[layout.accelerator]),
    ]
    return tuple(need for need in found if need.device or need.cpu or need.nvme)


def state(shape: Shape, work: Work, layout: Layout) -> tuple[Need, Need, Need]:
    """Return what stands there all the time: weights, gradients, optimizer state."""
    parts = layout.ranks if layout.sharded else 1
    width = WIDTH[layout.precision]
    trained = trainable(shape, work) / parts
    base = base_bytes(shape, work.tuning, width) / parts
    adapter = 0.0 if work.tuning == "full" else trained * width
    # Without ZeRO, PEFT keeps an adapter in fp32, and Adam needs no copy of it.
    plain = not layout.sharded or layout.precision == "fp32"
    gradient = (FP32 if plain else width) * trained
    adam = (ADAM + (0 if layout.precision == "fp32" else MASTER)) * trained
    return (
        _weights(shape, layout, int(base + adapter)),
        _gradients(layout, int(gradient)),
        _optimizer(shape, layout, int(adam), int(trained) * FP32),
    )


def swapped_part(shape: Shape, layout: Layout) -> int:
    """Return the most weights of one rank that are swapped at once: a sub-group is closed by the
    weight that fills it, which may be the largest."""
    return SWAPPED_SUB_GROUP + parameter_buffer(shape, layout)


def parameter_buffer(shape: Shape, layout: Layout) -> int:
    """Return the weights that a buffer for parameters on a disk must hold: one rank's part of the
    largest, on a round number."""
    part = -(-shape.largest // layout.ranks)
    return -(-part // 1_000_000) * 1_000_000


def _weights(shape: Shape, layout: Layout, size: int) -> Need:
    width = WIDTH[layout.precision]
    if layout.offload == "all to cpu":
        return Need(what="weights", cpu=size)
    if layout.offload == "all to nvme":
        buffers = PARAMETER_BUFFERS * parameter_buffer(shape, layout) * width
        kept = min(PARAMETERS_IN_CPU * width, size)
        return Need(what="weights", cpu=buffers + kept, nvme=size)
    return Need(what="weights", device=size)


def _gradients(layout: Layout, size: int) -> Need:
    # `grad_partitions_flat_buffer` lies in the CPU's memory also where all else goes to a disk.
    if layout.offload == "none":
        return Need(what="gradients", device=size)
    return Need(what="gradients", cpu=size)


def _optimizer(shape: Shape, layout: Layout, size: int, gradients: int) -> Need:
    """Offloaded, the gradients in fp32 stand with it."""
    if layout.offload == "none":
        return Need(what="optimizer state", device=size)
    if layout.offload.endswith("cpu"):
        return Need(what="optimizer state", cpu=size + gradients)
    buffers = SWAP_BUFFERS * FP32 * swapped_part(shape, layout)
    return Need(what="optimizer state", cpu=buffers, nvme=size + gradients)


def _gathered(shape: Shape, layout: Layout) -> Need:
    """The weights that are whole for a moment, and the buckets that gather and reduce them."""
    what = "gathered layers"
    if not layout.sharded or (layout.ranks == 1 and layout.offload == "none"):
        return Need(what=what)
    width = WIDTH[layout.precision]
    whole = min(shape.parameters, LIVE + shape.largest)
    buckets = 1.9 * shape.hidden**2 * (OVERLAP if layout.accelerator == "cuda" else 1)
    return Need(what=what, device=int((whole + buckets) * width))


def _update(shape: Shape, work: Work, layout: Layout) -> int:
    """The gradients in fp32 of the weights that are updated at once."""
    if not layout.sharded or layout.offload != "none" or layout.precision == "fp32":
        return 0
    part = trainable(shape, work) // layout.ranks
    return FP32 * min(part, SUB_GROUP + shape.largest // layout.ranks)
