"""Putting an adapter into its base: ``python -m trainer.serving.merge BASE ADAPTER OUTPUT``.

A process of its own, since it needs torch. A base in safetensors is merged file by file, so that
one file is in memory at a time and not the model: 72 billion parameters of 2 bytes are more than
one machine of 128 GB has. What that can't do is loaded whole and merged by PEFT.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import traceback
from pathlib import Path
from typing import Any, Final

from trainer.base import Source, as_dense, find
from trainer.refusal import Refusal, reason_of

INDEX: Final = "model.safetensors.index.json"
SINGLE: Final = "model.safetensors"
ADAPTER: Final = "adapter_model.safetensors"
CONFIG: Final = "adapter_config.json"
_BEFORE: Final = "base_model.model."
_UNUSUAL: Final = (
    "use_dora", "fan_in_fan_out", "modules_to_save", "rank_pattern", "alpha_pattern",
    "trainable_token_indices", "target_parameters", "use_bdlora", "alora_invocation_tokens",
)  # fmt: skip
"""Settings of an adapter that is more than a product of two matrices for each weight."""


def main(argv: list[str] | None = None) -> int:
    """Merge; return 0, or 1 with the reason in the last line of standard error."""
    parser = argparse.ArgumentParser(
        prog="python -m trainer.serving.merge",
        description="Put the adapter in ADAPTER into BASE and write the model to OUTPUT.",
        epilog="python -m trainer.serving.merge Qwen/Qwen2.5-7B-Instruct ./model ./merged",
    )
    parser.add_argument("base", help="a directory, a GGUF file or a name on the hub")
    parser.add_argument("adapter", type=Path, help="a directory as PEFT writes it")
    parser.add_argument("output", type=Path, help="a new directory")
    given = parser.parse_args(argv)
    try:
        merge(given.base, given.adapter, given.output)
    except Exception as error:  # noqa: BLE001 - whatever it is, a person is told
        if not isinstance(error, Refusal):
            traceback.print_exc()
        print(reason_of(error), file=sys.stderr)
        return 1
    return 0


def merge(base: str, adapter: Path, output: Path) -> None:
    """Write the merged model with its tokenizer.

    Raises:
        Refusal: base or adapter is not there, or they do not fit.
    """
    source = find(base)
    if source.local:
        os.environ["HF_HUB_OFFLINE"] = "1"
    config = json.loads((adapter / CONFIG).read_bytes())
    output.mkdir(parents=True, exist_ok=True)
    folder = None if source.gguf else folder_of(source)
    if folder is None or not is_plain(config) or not merge_files(folder, adapter, config, output):
        merge_whole(source, adapter, output)
    copy_tokenizer(adapter, output)


def is_plain(config: dict[str, Any]) -> bool:
    """Say whether an adapter adds ``B A * scale`` to each of its weights, and nothing else."""
    return (
        config.get("peft_type") == "LORA"
        and config.get("bias", "none") == "none"
        and not any(config.get(name) for name in _UNUSUAL)
    )


def folder_of(source: Source) -> Path | None:
    """Return the directory of a base's safetensors files, None where it has none."""
    path = Path(source.name)
    if not source.local:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError

        patterns = ["*.safetensors", "*.json", "*.jinja", "tokenizer*", "*.txt"]
        try:
            path = Path(snapshot_download(source.name, allow_patterns=patterns))
        except LocalEntryNotFoundError as error:
            raise Refusal(
                f"{source.name} is not on this machine and can't be fetched; set train.model to "
                "its directory"
            ) from error
    return path if (path / SINGLE).exists() or (path / INDEX).exists() else None


def merge_files(folder: Path, adapter: Path, config: dict[str, Any], output: Path) -> bool:
    """Merge a base file by file; return False where its weights have other names than the
    adapter's."""
    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(adapter / ADAPTER, "pt") as weights:
        factors = {name: weights.get_tensor(name) for name in weights.keys()}  # noqa: SIM118
    pairs = pairs_of(factors)
    files = files_of(folder)
    if pairs is None or not set(pairs) <= {name for names in files.values() for name in names}:
        return False
    scale = scale_of(config)
    for file, names in files.items():
        merged = {}
        with safe_open(folder / file, "pt") as base:
            for name in names:
                weight = base.get_tensor(name)
                if name in pairs:
                    down, up = (each.float() for each in pairs[name])
                    weight = (weight.float() + (up @ down) * scale).to(weight.dtype)
                merged[name] = weight
        save_file(merged, output / file, metadata={"format": "pt"})
    for path in folder.iterdir():
        if path.is_file() and path.suffix in (".json", ".jinja", ".txt", ".model"):
            shutil.copyfile(path, output / path.name)
    return True


def pairs_of(factors: dict[str, Any]) -> dict[str, tuple[Any, Any]] | None:
    """Return the matrices A and B of each weight by its name in the base, None where there is
    something else among them."""
    found: dict[str, dict[str, Any]] = {}
    for name, tensor in factors.items():
        module, mark, side = name.removeprefix(_BEFORE).rpartition(".lora_")
        if not mark or side not in ("A.weight", "B.weight"):
            return None
        found.setdefault(f"{module}.weight", {})[side[0]] = tensor
    if any(set(each) != {"A", "B"} for each in found.values()):
        return None
    return {name: (each["A"], each["B"]) for name, each in found.items()}


def scale_of(config: dict[str, Any]) -> float:
    """Return the factor of ``B A``: alpha / r (Hu et al. 2021), with rslora alpha / sqrt(r)."""
    rank = float(config["r"])
    alpha = float(config["lora_alpha"])
    return alpha / (rank**0.5 if config.get("use_rslora") else rank)


def files_of(folder: Path) -> dict[str, list[str]]:
    """Return the safetensors files of a model with the names of their weights."""
    from safetensors import safe_open

    if (folder / INDEX).exists():
        index = json.loads((folder / INDEX).read_bytes())["weight_map"]
        files: dict[str, list[str]] = {}
        for name, file in index.items():
            files.setdefault(file, []).append(name)
        return files
    with safe_open(folder / SINGLE, "pt") as weights:
        return {SINGLE: list(weights.keys())}


def merge_whole(source: Source, adapter: Path, output: Path) -> None:
    """Load all, have PEFT merge it, and write it."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    read = AutoModelForCausalLM.from_pretrained(source.name, **source.options, dtype="auto")
    model = as_dense(read) if source.gguf else read
    merged: Any = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    merged.save_pretrained(output)


def copy_tokenizer(adapter: Path, output: Path) -> None:
    """Copy the tokenizer that training wrote beside the adapter, chat template included."""
    for path in adapter.iterdir():
        if path.is_file() and path.name not in (ADAPTER, CONFIG) and _is_tokenizer(path.name):
            shutil.copyfile(path, output / path.name)
    if not (output / "tokenizer.json").exists() and not (output / "tokenizer_config.json").exists():
        raise Refusal(f"neither {adapter} nor its base has a tokenizer")


def _is_tokenizer(name: str) -> bool:
    return name in ("chat_template.jinja", "vocab.json", "merges.txt", "added_tokens.json") or (
        name.startswith(("tokenizer", "special_tokens"))
    )


if __name__ == "__main__":
    sys.exit(main())
