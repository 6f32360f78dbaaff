"""What every rank is told, from a plan."""

from __future__ import annotations

from pathlib import Path

from schemas.settings import Settings
from trainer.job import Job
from trainer.plan.plans import Plan


def job_of(plan: Plan, settings: Settings, run: str, snapshot: Path, output: Path) -> Job:
    """Return the job of a run that goes by this plan.

    Args:
        plan: made of the same settings.
        settings: all settings.
        run: the run's id.
        snapshot: the data set's directory, on the host that reads the job.
        output: the run's folder there.
    """
    train, layout = settings.train, plan.layout
    return Job(
        run=run,
        method=plan.method,
        tuning=plan.tuning,
        model=train.model,
        snapshot=snapshot,
        output=output,
        max_length=plan.max_length,
        epochs=train.epochs,
        max_steps=train.max_steps,
        rows_per_device=layout.rows,
        accumulation=layout.accumulation,
        learning_rate=train.learning_rate,
        beta=train.beta,
        lora_rank=train.lora.rank,
        lora_alpha=train.lora.alpha,
        lora_dropout=train.lora.dropout,
        seed=train.seed,
        precision=layout.precision,
        save_steps=train.save_steps,
        keep_checkpoints=train.keep_checkpoints,
        accelerator=layout.accelerator,
        deepspeed=plan.deepspeed,
    )
