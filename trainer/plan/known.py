"""Shapes of models that are known by name, so that a plan needs no download.

The numbers are those of each model's config.json on the Hugging Face hub; the tests compare the
parameters computed from them with the count that the hub publishes of the model's weights.
"""

from __future__ import annotations

from typing import Final

from trainer.plan.shapes import Shape, computed


def _qwen25(size: str, *numbers: int, vocabulary: int = 152_064, tied: bool = False) -> Shape:
    layers, hidden, intermediate, heads, kv_heads = numbers
    return Shape(
        name=f"Qwen2.5-{size}",
        family="qwen2",
        layers=layers,
        hidden=hidden,
        intermediate=intermediate,
        heads=heads,
        kv_heads=kv_heads,
        head_size=hidden // heads,
        vocabulary=vocabulary,
        tied=tied,
        attention_bias=True,
    )


def _qwen3(size: str, *numbers: int, tied: bool = False) -> Shape:
    layers, hidden, intermediate, heads, kv_heads = numbers
    return Shape(
        name=f"Qwen3-{size}",
        family="qwen3",
        layers=layers,
        hidden=hidden,
        intermediate=intermediate,
        heads=heads,
        kv_heads=kv_heads,
        head_size=128,
        vocabulary=151_936,
        tied=tied,
        qk_norm=True,
    )


def _llama(name: str, *numbers: int, vocabulary: int = 128_256, tied: bool = False) -> Shape:
    layers, hidden, intermediate, heads, kv_heads = numbers
    return Shape(
        name=name,
        family="llama",
        layers=layers,
        hidden=hidden,
        intermediate=intermediate,
        heads=heads,
        kv_heads=kv_heads,
        head_size=hidden // heads,
        vocabulary=vocabulary,
        tied=tied,
    )


_SHAPES = (
    _qwen25("0.5B", 24, 896, 4_864, 14, 2, vocabulary=151_936, tied=True),
    _qwen25("1.5B", 28, 1_536, 8_960, 12, 2, vocabulary=151_936, tied=True),
    _qwen25("3B", 36, 2_048, 11_008, 16, 2, vocabulary=151_936, tied=True),
    _qwen25("7B", 28, 3_584, 18_944, 28, 4),
    _qwen25("14B", 48, 5_120, 13_824, 40, 8),
    _qwen25("32B", 64, 5_120, 27_648, 40, 8),
    _qwen25("72B", 80, 8_192, 29_568, 64, 8),
    _qwen3("0.6B", 28, 1_024, 3_072, 16, 8, tied=True),
    _qwen3("1.7B", 28, 2_048, 6_144, 16, 8, tied=True),
    _qwen3("4B", 36, 2_560, 9_728, 32, 8, tied=True),
    _qwen3("8B", 36, 4_096, 12_288, 32, 8),
    _qwen3("14B", 40, 5_120, 17_408, 40, 8),
    _qwen3("32B", 64, 5_120, 25_600, 64, 8),
    _llama("Llama-3.1-8B", 32, 4_096, 14_336, 32, 8),
    _llama("Llama-3.1-70B", 80, 8_192, 28_672, 64, 8),
    _llama("Llama-3.2-1B", 16, 2_048, 8_192, 32, 8, tied=True),
    _llama("Llama-3.2-3B", 28, 3_072, 8_192, 24, 8, tied=True),
    _llama("Llama-3.3-70B", 80, 8_192, 28_672, 64, 8),
    _llama("SmolLM2-135M", 30, 576, 1_536, 9, 3, vocabulary=49_152, tied=True),
    _llama("SmolLM2-360M", 32, 960, 2_560, 15, 5, vocabulary=49_152, tied=True),
    _llama("SmolLM2-1.7B", 24, 2_048, 8_192, 32, 32, vocabulary=49_152, tied=True),
)

KNOWN: Final = {
    shape.name.lower(): shape.model_copy(update={"parameters": computed(shape)})
    for shape in _SHAPES
}
"""By the model's name without its owner and without "-Instruct", in small letters."""

_OWNERS = ("qwen", "meta-llama", "huggingfacetb", "unsloth")


def known_shape(model: str) -> Shape | None:
    """Return the shape of a model by its name on the hub, such as Qwen/Qwen2.5-7B-Instruct."""
    owner, _, name = model.lower().rpartition("/")
    if owner and owner not in _OWNERS:
        return None
    name = name.removeprefix("meta-").removesuffix("-instruct")
    found = KNOWN.get(name)
    return found.model_copy(update={"name": model}) if found else None
