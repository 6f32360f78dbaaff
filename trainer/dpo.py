"""Training on pairs: direct preference optimisation (Rafailov et al. 2023), by TRL."""

from __future__ import annotations

from typing import Any

from trl import DPOConfig, DPOTrainer

from trainer.job import Job
from trainer.options import options
from trainer.reference import KeptReference
from trainer.saving import SavesInParts
from trainer.world import World


class PreferenceTrainer(KeptReference, SavesInParts, DPOTrainer):  # type: ignore[misc] # TRL is untyped
    """TRL's trainer, with what several hosts need."""

    reference_columns = ("ref_chosen_logps", "ref_rejected_logps")


def arguments(job: Job, world: World, limit: int) -> Any:
    """Return what TRL is told. It makes DeepSpeed's configuration known to transformers, so it
    has to be there before the base is loaded."""
    return DPOConfig(**options(job, world, limit))
