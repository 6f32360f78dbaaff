"""The base's log-probabilities, computed once before the first step and kept in the run's folder.

TRL computes them, too, but has one rank write them and all others read that file, so it needs a
folder that all hosts share. Here every rank gets all of them from the others, and each host keeps
its own copy, which a run that resumes reads instead of computing them again.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from trainer.world import World, everyone

FILE: Final = "reference.npz"


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where the log-probabilities are kept, what they belong to, and who keeps them."""

    output: Path
    key: str
    world: World


class KeptReference:
    """Takes the place of what a trainer of TRL does about its reference before training.

    A trainer class puts it before TRL's. `reference_columns` are the names under which TRL looks
    for the log-probabilities in a row, in the order in which `compute_ref_log_probs` returns them.
    """

    reference_columns: tuple[str, ...]

    def __init__(self, *, keeping: Keeping, **arguments: Any) -> None:
        # TRL computes them while it is being made.
        self._keeping = keeping
        super().__init__(**arguments)

    def _precompute_ref_logps(self, dataset: Any, _name: str, batch_size: int) -> Any:
        keeping = self._keeping
        kept = _read(keeping, len(dataset))
        if not all(everyone(kept is not None)):
            kept = _compute(self, dataset, batch_size)
            if keeping.world.keeps:
                _write(keeping, kept)
        assert kept is not None
        for name in self.reference_columns:
            dataset = dataset.add_column(name, kept[name])
        return dataset


def _compute(trainer: Any, dataset: Any, batch_size: int) -> dict[str, Any]:
    """Return the log-probabilities of all rows under the base, on every rank."""
    import torch
    from torch.utils.data import DataLoader
    from trl.models import prepare_deepspeed

    loader = trainer.accelerator.prepare(
        DataLoader(dataset, batch_size=batch_size, collate_fn=trainer.data_collator)
    )
    model = trainer.ref_model or trainer.model
    if trainer.ref_model is None and trainer.is_deepspeed_enabled:
        # The weights are divided among the ranks by now; an engine brings them together.
        model = prepare_deepspeed(trainer.model, trainer.accelerator)
    found: list[list[Any]] = [[] for _ in trainer.reference_columns]
    for batch in loader:
        for column, values in zip(found, trainer.compute_ref_log_probs(model, batch), strict=True):
            column.append(trainer.accelerator.gather_for_metrics(values).float().cpu())
    return {
        name: torch.cat(column).numpy()
        for name, column in zip(trainer.reference_columns, found, strict=True)
    }


def _read(keeping: Keeping, rows: int) -> dict[str, Any] | None:
    import numpy

    try:
        with numpy.load(keeping.output / FILE) as file:
            if str(file["key"]) != keeping.key:
                return None
            found = {name: file[name] for name in file.files if name != "key"}
    except OSError:
        return None
    return found if all(len(column) == rows for column in found.values()) else None


def _write(keeping: Keeping, columns: dict[str, Any]) -> None:
    import numpy

    work = keeping.output / f".{FILE}"
    with work.open("wb") as file:
        numpy.savez(file, key=numpy.array(keeping.key), **columns)
    os.replace(work, keeping.output / FILE)
