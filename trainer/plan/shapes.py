"""A decoder's shape, as far as its memory depends on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """A Llama-like decoder: RMS norms, rotary positions, grouped heads, a gated MLP.

    `hidden`, `intermediate` and `head_size` are widths in elements, `vocabulary` the rows of the
    embedding as they are stored (which may be more than the tokenizer has). `tied` means that the
    embedding is the output matrix, too. `parameters` is the exact count where weights were
    there to count, else `computed(...)`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    family: str
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    tied: bool = False
    attention_bias: bool = False
    qk_norm: bool = False
    parameters: int = 0

    @property
    def linear(self) -> int:
        """Weights of one layer's seven matrices: what LoRA adapts and QLoRA stores in 4 bits."""
        return sum(rows * columns for rows, columns in self.matrices)

    @property
    def matrices(self) -> tuple[tuple[int, int], ...]:
        """The (out, in) of q, k, v, o, gate, up and down."""
        query, key = self.heads * self.head_size, self.kv_heads * self.head_size
        return (
            (query, self.hidden),
            (key, self.hidden),
            (key, self.hidden),
            (self.hidden, query),
            (self.intermediate, self.hidden),
            (self.intermediate, self.hidden),
            (self.hidden, self.intermediate),
        )

    @property
    def embedding(self) -> int:
        """Weights of the embedding; the output matrix has as many."""
        return self.vocabulary * self.hidden

    @property
    def largest(self) -> int:
        """Weights of the largest single tensor: ZeRO-3 gathers it whole."""
        return max(self.embedding, *(rows * columns for rows, columns in self.matrices))

    def adapter(self, rank: int) -> int:
        """Weights of LoRA's two matrices beside each of a layer's seven, in all layers."""
        return self.layers * rank * sum(rows + columns for rows, columns in self.matrices)


def computed(shape: Shape) -> int:
    """Return how many parameters a decoder of this shape has."""
    query, key = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
    layer = shape.linear + 2 * shape.hidden
    if shape.attention_bias:
        layer += query + 2 * key
    if shape.qk_norm:
        layer += 2 * shape.head_size
    embeddings = shape.embedding * (1 if shape.tied else 2)
    return shape.layers * layer + embeddings + shape.hidden


FAMILIES = ("llama", "mistral", "qwen2", "qwen3")
"""`model_type`s whose layers are laid out as `Shape` says."""


def from_config(name: str, config: Mapping[str, Any]) -> Shape:
    """Return the shape that a `config.json` of transformers describes.

    Args:
        name: the model's name or directory.
        config: what the file holds.

    Raises:
        KeyError: a number is missing.
        ValueError: it is another kind of model.
    """
    family = str(config.get("model_type"))
    if family not in FAMILIES:
        raise ValueError(f'its model_type "{family}" is not one of {", ".join(FAMILIES)}')
    heads = int(config["num_attention_heads"])
    hidden = int(config["hidden_size"])
    shape = Shape(
        name=name,
        family=family,
        layers=int(config["num_hidden_layers"]),
        hidden=hidden,
        intermediate=int(config["intermediate_size"]),
        heads=heads,
        kv_heads=int(config.get("num_key_value_heads") or heads),
        head_size=int(config.get("head_dim") or hidden // heads),
        vocabulary=int(config["vocab_size"]),
        tied=bool(config.get("tie_word_embeddings", False)),
        attention_bias=family == "qwen2" or bool(config.get("attention_bias")),
        qk_norm=family == "qwen3",
    )
    return shape.model_copy(update={"parameters": computed(shape)})
