"""The ZeRO configuration of a plan, as DeepSpeed and transformers take it."""

from __future__ import annotations

from typing import Any

from trainer.plan.memory import (
    LIVE,
    PARAMETER_BUFFERS,
    PARAMETERS_IN_CPU,
    SUB_GROUP,
    SWAP_BUFFERS,
    SWAPPED_SUB_GROUP,
    parameter_buffer,
)
from trainer.plan.plans import Layout
from trainer.plan.shapes import Shape

_FOLDER = "clawback-zero"
"""What is swapped goes into this folder of the host's `nvme`."""


def zero_configuration(
    shape: Shape, layout: Layout, *, gathers: bool, nvme: str = ""
) -> dict[str, Any] | None:
    """Return the configuration, or None where plain PyTorch does it.

    What the trainer knows is "auto", as transformers fills it in.

    Args:
        shape: the model's.
        layout: how it lies on the devices.
        gathers: whether the whole model is put together in one host's memory when it is saved.
        nvme: the directory for offloading, the same on all hosts.
    """
    if not layout.sharded:
        return None
    swapped = layout.offload.endswith("nvme")
    zero: dict[str, Any] = {
        "stage": 3,
        # It needs the streams of a GPU; gloo has none.
        "overlap_comm": layout.accelerator == "cuda",
        "contiguous_gradients": True,
        "reduce_bucket_size": "auto",
        "stage3_prefetch_bucket_size": "auto",
        "stage3_param_persistence_threshold": "auto",
        "stage3_max_live_parameters": LIVE,
        "sub_group_size": SWAPPED_SUB_GROUP if swapped else SUB_GROUP,
        "stage3_gather_16bit_weights_on_model_save": gathers,
    }
    found: dict[str, Any] = {
        "bf16": {"enabled": layout.precision == "bf16"},
        "zero_optimization": zero,
        "gradient_clipping": "auto",
        "gradient_accumulation_steps": "auto",
        "train_batch_size": "auto",
        "train_micro_batch_size_per_gpu": "auto",
    }
    if layout.offload != "none":
        place: dict[str, Any] = {"device": "nvme" if swapped else "cpu", "pin_memory": True}
        if swapped:
            place["nvme_path"] = f"{nvme.rstrip('/')}/{_FOLDER}"
        count = {"buffer_count": SWAP_BUFFERS} if swapped else {}
        zero["offload_optimizer"] = place | count
        if layout.offload.startswith("all"):
            zero["offload_param"] = place | (_parameters(shape, layout) if swapped else {})
        # Offloaded optimizer state is only updated by DeepSpeed's own Adam.
        auto = dict.fromkeys(("lr", "betas", "eps", "weight_decay"), "auto")
        found["optimizer"] = {"type": "AdamW", "params": auto}
    return found


def _parameters(shape: Shape, layout: Layout) -> dict[str, int]:
    return {
        "buffer_count": PARAMETER_BUFFERS,
        "buffer_size": parameter_buffer(shape, layout),
        "max_in_cpu": PARAMETERS_IN_CPU,
    }
