"""Training on single labelled answers: Kahneman-Tversky optimisation (Ethayarajh et al. 2024), by
TRL."""

from __future__ import annotations

from typing import Any

from trl import KTOConfig, KTOTrainer

from trainer.job import Job
from trainer.options import options
from trainer.reference import KeptReference
from trainer.saving import SavesInParts
from trainer.world import World


class LabelTrainer(KeptReference, SavesInParts, KTOTrainer):  # type: ignore[misc] # TRL is untyped
    """TRL's trainer, with what several hosts need."""

    reference_columns = ("ref_logps", "ref_KL_logps")


def arguments(job: Job, world: World, limit: int, weights: tuple[float, float]) -> Any:
    """Return what TRL is told; see `trainer.dpo.arguments`.

    Args:
        job: the job.
        world: this rank's place.
        limit: the most tokens of a prompt with an answer.
        weights: how much a good and a bad answer count.
    """
    good, bad = weights
    return KTOConfig(**options(job, world, limit), desirable_weight=good, undesirable_weight=bad)


def label_weights(good: int, bad: int) -> tuple[float, float]:
    """Return the weights by which good and bad answers count the same together.

    Equation 8 of the paper wants the ratio of the two, each times its number, between 1 and 4/3;
    the rarer kind is weighted up to 1.

    Args:
        good: the number of good answers.
        bad: the number of bad ones.
    """
    if not good or not bad:
        return 1.0, 1.0
    return max(1.0, bad / good), max(1.0, good / bad)
