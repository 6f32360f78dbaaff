"""The header of a GGUF file, as far as it says a model's shape.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, Final

from trainer.plan.shapes import FAMILIES, Shape

_NUMBERS: Final = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
_TEXT: Final = 8
_ARRAY: Final = 9
_SHORT: Final = 64
"""Longer lists, such as the vocabulary, are passed over."""


def shape_of(name: str, path: Path) -> Shape:
    """Return the shape of the model in a GGUF file.

    Raises:
        ValueError: it is no GGUF file, or no model of a known family.
    """
    with path.open("rb") as file:
        try:
            fields, tensors = _header(file)
        except (struct.error, UnicodeDecodeError):
            raise ValueError("its header is cut off or damaged") from None
    family = str(fields.get("general.architecture"))
    if family not in FAMILIES:
        raise ValueError(f'its architecture "{family}" is not one of {", ".join(FAMILIES)}')
    try:
        heads = int(fields[f"{family}.attention.head_count"])
        hidden = int(fields[f"{family}.embedding_length"])
        return Shape(
            name=name,
            family=family,
            layers=int(fields[f"{family}.block_count"]),
            hidden=hidden,
            intermediate=int(fields[f"{family}.feed_forward_length"]),
            heads=heads,
            kv_heads=int(fields.get(f"{family}.attention.head_count_kv", heads)),
            head_size=int(fields.get(f"{family}.attention.key_length", hidden // heads)),
            vocabulary=tensors["token_embd.weight"][1],
            tied="output.weight" not in tensors,
            attention_bias="blk.0.attn_q.bias" in tensors,
            qk_norm="blk.0.attn_q_norm.weight" in tensors,
            parameters=sum(prod(each) for each in tensors.values()),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"it does not say {error}") from None


def _header(file: BinaryIO) -> tuple[dict[str, Any], dict[str, tuple[int, ...]]]:
    """Return the fields, and each tensor's dimensions with the fastest first."""
    if file.read(4) != b"GGUF":
        raise ValueError("it does not begin with GGUF")
    version, tensor_count, field_count = _numbers(file, "IQQ")
    if version not in (2, 3):
        raise ValueError(f"its version is {version}; 2 and 3 are known")
    fields = {}
    for _ in range(field_count):
        key = _text(file)
        (kind,) = _numbers(file, "I")
        fields[key] = _value(file, kind)
    tensors = {}
    for _ in range(tensor_count):
        key = _text(file)
        (dimensions,) = _numbers(file, "I")
        tensors[key] = _numbers(file, "Q" * dimensions)
        _numbers(file, "IQ")
    return fields, tensors


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == _TEXT:
        return _text(file)
    if kind == _ARRAY:
        inner, length = _numbers(file, "IQ")
        if inner in _NUMBERS and length > _SHORT:
            file.seek(length * struct.calcsize("<" + _NUMBERS[inner]), 1)
            return None
        values = [_value(file, inner) for _ in range(length)]
        return values if length <= _SHORT else None
    if kind not in _NUMBERS:
        raise ValueError(f"it has a field of the unknown kind {kind}")
    return _numbers(file, _NUMBERS[kind])[0]


def _numbers(file: BinaryIO, layout: str) -> tuple[Any, ...]:
    size = struct.calcsize("<" + layout)
    return struct.unpack("<" + layout, file.read(size))


def _text(file: BinaryIO) -> str:
    (length,) = _numbers(file, "Q")
    found = file.read(length)
    if len(found) < length:
        raise ValueError("its header is cut off or damaged")
    return found.decode()
