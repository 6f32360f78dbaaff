"""What a run writes while it trains: its metrics, and the marks of whole checkpoints."""

from __future__ import annotations

import math
import time
from typing import Any

from transformers import TrainerCallback

from trainer import checkpoints, metrics
from trainer.job import CHECKPOINTS, Job
from trainer.refusal import Refusal
from trainer.world import World, everyone


class Following(TrainerCallback):  # type: ignore[misc] # transformers has no types here
    """Follows a training as a callback of transformers.

    Args:
        job: the job.
        world: this rank's place.
        belongs: what the checkpoints belong to.
        seconds: how long it was trained before, in attempts that were stopped.
    """

    def __init__(self, job: Job, world: World, belongs: str, seconds: float) -> None:
        self._job = job
        self._world = world
        self._belongs = belongs
        self._before = seconds
        self._started = self._logged = time.monotonic()
        self._tokens = 0.0

    @property
    def seconds(self) -> float:
        """Wall seconds of training, of all attempts."""
        return self._before + time.monotonic() - self._started

    def on_train_begin(self, _args: Any, state: Any, _control: Any, **_kwargs: Any) -> None:
        """Take back the lines of steps that will be trained again."""
        self._started = self._logged = time.monotonic()
        if self._world.rank == 0:
            metrics.go_on(self._job.output, state.global_step)

    def on_log(
        self, _args: Any, state: Any, _control: Any, logs: dict[str, Any], **_kwargs: Any
    ) -> None:
        """Write a line of metrics.

        Raises:
            Refusal: the loss is no number any more; nothing brings it back.
        """
        if "loss" not in logs:
            return
        if not math.isfinite(logs["loss"]):
            raise Refusal(
                f"the loss is {logs['loss']} at step {state.global_step}; lower train.learning_rate"
            )
        now, tokens = time.monotonic(), logs.get("num_tokens")
        speed = None
        if tokens is not None:
            speed = (tokens - self._tokens) / max(now - self._logged, 1e-9)
            self._tokens = tokens
        self._logged = now
        if self._world.rank == 0:
            line = metrics.progress(logs, state.global_step, state.max_steps, speed)
            metrics.add(self._job.output, line)

    def on_save(self, _args: Any, state: Any, _control: Any, **_kwargs: Any) -> None:
        """Mark the checkpoint, once every rank has written its part, and drop old ones."""
        everyone(None)
        folder = self._job.output / CHECKPOINTS
        if self._world.keeps:
            found = checkpoints.Whole(digest=self._belongs, seconds=self.seconds)
            checkpoints.mark(folder, state.global_step, found)
        # Old ones go only when every host has marked the new one.
        everyone(None)
        if self._world.keeps:
            checkpoints.rotate(folder, self._job.keep_checkpoints)
