"""What one training process is told, as a JSON file; and the files by which it answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

METRICS: Final = "metrics.jsonl"
"""One `schemas.training.TrainingProgress` a line, written by rank 0."""

TOKENS: Final = "tokens.json"
"""What was counted before the first step; see `trainer.tokens`."""

MODEL: Final = "model"
"""The directory of the finished weights: a whole model, or an adapter."""

CHECKPOINTS: Final = "checkpoints"
DONE: Final = "done.json"
"""Written last, by rank 0: a `Done`. A run folder that has one is finished."""

ERROR: Final = "error.json"
"""``{"reason": ..., "retry": ...}``: why the last attempt ended, in one line for a person, and
whether to try again may help."""


class Job(BaseModel):
    """What to train, on what, and how. Every rank of every host reads the same file.

    `snapshot` and `output` are directories on the host that reads it. `rows_per_device` and
    `accumulation` make up the batch of an optimizer step together with the number of ranks.
    `deepspeed` is a ZeRO configuration as DeepSpeed takes it, None for plain PyTorch. `quantized`
    loads the base in 4 bits. `precompute_reference` computes the base's log-probabilities before
    the first step, so that no second copy of the base stands in memory.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: str
    method: Literal["dpo", "kto"]
    tuning: Literal["full", "lora", "qlora"]
    model: str
    snapshot: Path
    output: Path
    max_length: int = 4096
    epochs: float = 1.0
    max_steps: int = -1
    rows_per_device: int = 1
    accumulation: int = 16
    learning_rate: float = 5e-6
    beta: float = 0.1
    lora_rank: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.0
    seed: int = 17
    precision: Literal["bf16", "fp32"] = "bf16"
    gradient_checkpointing: bool = True
    precompute_reference: bool = True
    save_steps: int = 50
    keep_checkpoints: int = 2
    logging_steps: int = 1
    accelerator: Literal["cuda", "cpu"] = "cuda"
    deepspeed: dict[str, Any] | None = None


class Done(BaseModel):
    """How a finished run went: optimizer steps, mean loss, wall seconds of training, and the
    versions of the libraries that did it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: str
    steps: int
    loss: float
    seconds: float
    versions: dict[str, str]
