"""What a job means in the words of TRL's and transformers' arguments."""

from __future__ import annotations

from typing import Any

from trainer.job import CHECKPOINTS, Job
from trainer.world import World


def options(job: Job, world: World, limit: int) -> dict[str, Any]:
    """Return the arguments that TRL's DPOConfig and KTOConfig share.

    Args:
        job: the job.
        world: this rank's place.
        limit: the most tokens of a prompt with an answer; no row has more.
    """
    return {
        "output_dir": str(job.output / CHECKPOINTS),
        "max_length": limit,
        "num_train_epochs": job.epochs,
        "max_steps": job.max_steps,
        "per_device_train_batch_size": job.rows_per_device,
        "gradient_accumulation_steps": job.accumulation,
        "learning_rate": job.learning_rate,
        "beta": job.beta,
        "seed": job.seed,
        "bf16": job.precision == "bf16",
        "gradient_checkpointing": job.gradient_checkpointing,
        "precompute_ref_log_probs": job.precompute_reference,
        # TRL takes every dropout out of the model, LoRA's too.
        "disable_dropout": job.lora_dropout == 0,
        "save_strategy": "steps",
        "save_steps": job.save_steps,
        # Old checkpoints go when the new one is whole; see trainer.following.
        "save_total_limit": None,
        "save_on_each_node": not world.shared,
        "logging_steps": job.logging_steps,
        # Else a loss that is no number is shown as the mean of the others.
        "logging_nan_inf_filter": False,
        "report_to": ["tensorboard"],
        "disable_tqdm": True,
        "use_cpu": job.accelerator == "cpu",
        "deepspeed": job.deepspeed,
    }
