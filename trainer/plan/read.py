"""Reading a model's shape: from its directory, from a GGUF file, or by its name."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import Any

from trainer.plan import gguf
from trainer.plan.known import KNOWN, known_shape
from trainer.plan.plans import Impossible
from trainer.plan.shapes import Shape, from_config

_HEADER_MOST = 100_000_000
"""The format's own limit for a safetensors header, in bytes."""


def shape_of(model: str) -> Shape:
    """Return the shape of what `train.model` names.

    Args:
        model: a directory with a config.json (the weights are counted where there are any), a
            GGUF file, or the name of a model that is known.

    Raises:
        Impossible: it is none of these, or can't be read.
    """
    path = Path(model).expanduser()
    if path.is_dir():
        return _of_directory(model, path)
    if path.is_file():
        try:
            return gguf.shape_of(model, path)
        except (ValueError, OSError) as error:
            raise Impossible(f"train.model: {path} can't be read as GGUF: {error}") from None
    shape = known_shape(model)
    if shape is None:
        names = ", ".join(sorted(each.name for each in KNOWN.values()))
        raise Impossible(
            f"train.model: {model} is no directory and no file here, and its shape is not known. "
            "Write the directory that it was downloaded to, or one with nothing but its "
            f"config.json. Known by name: {names}"
        )
    return shape


def _of_directory(model: str, path: Path) -> Shape:
    file = path / "config.json"
    try:
        shape = from_config(model, dict(json.loads(file.read_bytes())))
    except OSError as error:
        raise Impossible(f"train.model: {file} can't be read: {error.strerror}") from None
    except KeyError as error:
        raise Impossible(f"train.model: {file} does not say {error.args[0]}") from None
    except (ValueError, TypeError) as error:
        raise Impossible(f"train.model: {file} gives no shape: {error}") from None
    try:
        counted = _count(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Impossible(
            f"train.model: the weights in {path} can't be counted: {error}; is it whole?"
        ) from None
    return shape.model_copy(update={"parameters": counted}) if counted else shape


def _count(path: Path) -> int:
    """Return how many weights the safetensors files in a directory hold, 0 without any."""
    index = path / "model.safetensors.index.json"
    if index.is_file():
        names = set(json.loads(index.read_bytes())["weight_map"].values())
        files = [path / name for name in sorted(names)]
        if not all(file.is_file() for file in files):
            return 0
    else:
        single = path / "model.safetensors"
        files = [single] if single.is_file() else []
    return sum(
        prod(tensor["shape"])
        for file in files
        for name, tensor in _header(file).items()
        if name != "__metadata__"
    )


def _header(file: Path) -> dict[str, Any]:
    """Return what a safetensors file says of its tensors: a length of 8 bytes, then JSON."""
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if length > _HEADER_MOST:
            raise ValueError(f"{file.name} is no safetensors file")
        found: dict[str, Any] = json.loads(opened.read(length))
    return found
