"""Writing weights that are divided among the ranks (ZeRO-3) without ever holding all of them.

transformers brings all weights together on rank 0 at every checkpoint, though DeepSpeed's own
files hold them: for a model that is larger than one host's memory, that is its end.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

PART: Final = 4 * 10**9
"""Bytes of weights in one file, and so in memory at once."""


class SavesInParts:
    """Takes the place of how a trainer of transformers saves its model; put before TRL's class."""

    def save_model(self: Any, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Save the model, or the adapter, as transformers and PEFT load it.

        Args:
            output_dir: where.
            _internal_call: it is part of a checkpoint, where DeepSpeed saves the weights itself.
        """
        adapter = hasattr(self.accelerator.unwrap_model(self.model), "peft_config")
        plugin = self.args.deepspeed_plugin
        if adapter or plugin is None or plugin.zero_stage != 3:
            super().save_model(output_dir, _internal_call)  # type: ignore[misc] # TRL's class has it
            return
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        if not _internal_call:
            save_parts(self, folder)


def save_parts(trainer: Any, folder: Path, part: int = PART) -> None:
    """Write the weights, one parameter after the other, and what belongs to them.

    All ranks have to call it; those that save hold `part` bytes at most, and one parameter.

    Args:
        trainer: of transformers.
        folder: where.
        part: bytes of a file.
    """
    import deepspeed
    from safetensors.torch import save_file

    model = trainer.accelerator.unwrap_model(trainer.model)
    saves = trainer.args.should_save
    held: dict[str, Any] = {}
    parts: list[list[str]] = []
    size = total = 0

    def flush() -> None:
        nonlocal size
        if held:
            save_file(held, folder / f"part-{len(parts)}", metadata={"format": "pt"})
            parts.append(list(held))
            held.clear()
            size = 0

    for name, parameter in model.named_parameters():
        with deepspeed.zero.GatheredParameters([parameter]):
            if saves:
                held[name] = parameter.data.to(model.dtype).cpu().clone().contiguous()
        if saves:
            more = held[name].nbytes
            size, total = size + more, total + more
            if size >= part:
                flush()
    if not saves:
        return
    kept = model.state_dict().keys()
    held.update({name: each.cpu() for name, each in model.named_buffers() if name in kept})
    flush()
    _name(folder, parts, total)
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    model.generation_config.save_pretrained(folder)
    trainer.processing_class.save_pretrained(folder)


def _name(folder: Path, parts: list[list[str]], total: int) -> None:
    """Give the files the names that transformers looks for."""
    if len(parts) == 1:
        (folder / "part-0").rename(folder / "model.safetensors")
        return
    weights: dict[str, str] = {}
    for number, names in enumerate(parts):
        file = f"model-{number + 1:05}-of-{len(parts):05}.safetensors"
        (folder / f"part-{number}").rename(folder / file)
        weights |= dict.fromkeys(names, file)
    index = {"metadata": {"total_size": total}, "weight_map": weights}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))
