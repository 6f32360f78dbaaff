"""What axolotl is told: a job in its words.

The keys are those of axolotl 0.19 (`axolotl.utils.schemas.config.AxolotlInputConfig`), which passes
over a key it does not know without a word.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from trainer.job import CHECKPOINTS, Job

FILE: Final = "axolotl.yml"
ROWS: Final = "axolotl.jsonl"
"""The rows as rendered text, in a run's folder."""

ZERO: Final = "axolotl.zero.json"
PLUGIN: Final = "trainer.axolotl.following.Plugin"

_FIELDS: Final = {"dpo": ("prompt", "chosen", "rejected"), "kto": ("prompt", "completion", "label")}


def configuration(
    job: Job, *, hosts: int = 1, label_weights: tuple[float, float] = (1.0, 1.0)
) -> dict[str, Any]:
    """Return axolotl's configuration for a job.

    Args:
        job: the job, with the paths of the host that reads it.
        hosts: how many there are; each then keeps its own checkpoints.
        label_weights: for KTO, how much a good and a bad answer count.
    """
    half = job.precision == "bf16"
    found: dict[str, Any] = {
        "base_model": job.model,
        "plugins": [PLUGIN],
        "rl": job.method,
        "rl_beta": job.beta,
        "datasets": [
            {
                "path": str(job.output / ROWS),
                "ds_type": "json",
                "split": "train",
                "type": {f"field_{name}": name for name in _FIELDS[job.method]},
            }
        ],
        "dataset_prepared_path": str(job.output / "cache"),
        "val_set_size": 0,
        "remove_unused_columns": False,
        # Rows that are too long have been left out, and told of, before.
        "excess_length_strategy": "raise",
        "sequence_len": job.max_length,
        "num_epochs": job.epochs,
        "micro_batch_size": job.rows_per_device,
        "gradient_accumulation_steps": job.accumulation,
        "learning_rate": job.learning_rate,
        "lr_scheduler": "linear",
        "warmup_steps": 0,
        "optimizer": "adamw_torch",
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "seed": job.seed,
        "bf16": half,
        "fp16": False,
        "tf32": False,
        "gradient_checkpointing": job.gradient_checkpointing,
        "attn_implementation": "sdpa",
        "output_dir": str(job.output / CHECKPOINTS),
        "save_strategy": "steps",
        "save_steps": job.save_steps,
        "save_total_limit": job.keep_checkpoints,
        "auto_resume_from_checkpoints": True,
        "logging_steps": job.logging_steps,
    }
    if job.max_steps > 0:
        found["max_steps"] = job.max_steps
    if job.method == "kto":
        good, bad = label_weights
        found |= {"kto_desirable_weight": good, "kto_undesirable_weight": bad}
    if job.tuning == "full":
        # TRL writes them on rank 0 for all; without a folder that hosts share there is none.
        found["precompute_ref_log_probs"] = job.precompute_reference and hosts == 1
    else:
        found |= {
            "adapter": job.tuning,
            "load_in_4bit": job.tuning == "qlora",
            "lora_r": job.lora_rank,
            "lora_alpha": job.lora_alpha,
            "lora_dropout": job.lora_dropout,
            "lora_target_linear": True,
        }
    if job.deepspeed is not None:
        found["deepspeed"] = str(job.output / ZERO)
    return found


def text(found: dict[str, Any], commands: list[str]) -> str:
    """Return the configuration as YAML, below the commands that start it by hand."""
    head = ["Written by clawback. By hand, on each host:", *commands]
    body: str = yaml.safe_dump(found, sort_keys=False)
    return "".join(f"# {line}\n" for line in head) + body


def command(config: Path, nodes: int, node: int, devices: int, address: str, port: int) -> str:
    """Return the command that starts axolotl by hand on one host.

    Args:
        config: the configuration's file there.
        nodes: how many hosts there are.
        node: which this is, from 0.
        devices: the devices of this host.
        address: where the others reach the first host.
        port: a free one there.
    """
    torchrun = f"--nnodes {nodes} --node_rank {node} --nproc_per_node {devices}"
    meeting = f" --master_addr {address} --master_port {port}" if nodes > 1 else ""
    return f"axolotl train {config} --launcher torchrun -- {torchrun}{meeting}"
