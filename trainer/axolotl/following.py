"""A plugin of axolotl that writes a run's metrics, as trainer.rank does.

It is imported by axolotl, in its Python.
"""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Any

from axolotl.integrations.base import BasePlugin
from transformers import TrainerCallback

from trainer import metrics
from trainer.refusal import Refusal


class Plugin(BasePlugin):  # type: ignore[misc] # axolotl is in another Python
    """Follows a training, and has each of several hosts keep its own checkpoints."""

    def add_callbacks_pre_trainer(self, cfg: Any, model: Any) -> list[Any]:  # noqa: ARG002
        """Return what follows the training."""
        return [Following(Path(cfg.output_dir).parent)]

    def get_training_args(self, cfg: Any) -> dict[str, Any]:  # noqa: ARG002
        """Return arguments of transformers that axolotl has no key for."""
        several = int(os.environ.get("GROUP_WORLD_SIZE", "1")) > 1
        return {"save_on_each_node": several, "logging_nan_inf_filter": False}


class Following(TrainerCallback):  # type: ignore[misc] # transformers has no types here
    """Writes metrics.jsonl.

    Args:
        output: the run's folder.
    """

    def __init__(self, output: Path) -> None:
        self._output = output
        self._logged = time.monotonic()
        self._tokens = 0.0

    def on_train_begin(self, _args: Any, state: Any, _control: Any, **_kwargs: Any) -> None:
        """Take back the lines of steps that will be trained again."""
        self._logged = time.monotonic()
        if state.is_world_process_zero:
            metrics.go_on(self._output, state.global_step)

    def on_log(
        self, _args: Any, state: Any, _control: Any, logs: dict[str, Any], **_kwargs: Any
    ) -> None:
        """Write a line.

        Raises:
            Refusal: the loss is no number any more; nothing brings it back.
        """
        if "loss" not in logs:
            return
        logs = {name: float(value) for name, value in logs.items() if _is_number(value)}
        if not math.isfinite(logs.get("loss", math.nan)):
            raise Refusal(
                f"the loss is no number at step {state.global_step}; lower train.learning_rate"
            )
        now, tokens = time.monotonic(), logs.get("num_tokens")
        speed = None
        if tokens is not None:
            speed = (tokens - self._tokens) / max(now - self._logged, 1e-9)
            self._tokens = tokens
        self._logged = now
        if state.is_world_process_zero:
            line = metrics.progress(logs, state.global_step, state.max_steps, speed)
            metrics.add(self._output, line)


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
