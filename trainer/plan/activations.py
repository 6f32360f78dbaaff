"""What one pass keeps for its way back, with gradient checkpointing, and what its head takes.

The way of counting is that of Korthikanti et al. 2022, "Reducing Activation Recomputation in Large
Transformer Models" (arXiv:2205.05198), section 4.1: the bytes that each operation of a layer keeps.
Their sum, sbh(34 + 5as/h), is for GPT; a Llama-like layer has no dropout, a gated MLP, RMS norms
in fp32 and fewer key heads, and `scaled_dot_product_attention` keeps no scores, so its sum is
another one. Full recomputation, as in their section 5, keeps the input of each layer, and all of
one layer while that is recomputed.
"""

from __future__ import annotations

from typing import Final, Literal

from trainer.plan.shapes import Shape

Head = Literal["fused", "full"]
"""How the log-probabilities are computed: tile by tile, or from all logits at once."""

FP32: Final = 4
TILE_TOKENS: Final = 4_096
TILE_VOCABULARY: Final = 32_768
"""The tile of TRL's head (`trl.kernels.chunked_logprob`, as of 1.16; 1.9 has none)."""

SIDES: Final = {"dpo": 2, "kto": 1}
"""Sequences that a row puts through the model at once: chosen and rejected, or one answer."""


def activations(
    shape: Shape, tokens: int, width: int, head: Head, *, trained_head: bool, cpu: bool
) -> int:
    """Return the bytes a device needs for one pass forth and back.

    Args:
        shape: the model's.
        tokens: of all sequences in the pass, padding included.
        width: bytes of an activation.
        head: how the log-probabilities are computed.
        trained_head: whether the output matrix is trained, too.
        cpu: whether there are no fused kernels.
    """
    checkpoints = tokens * shape.hidden * width * shape.layers
    way_back = max(
        layer(shape, tokens, width),
        head_bytes(shape, tokens, width, head, trained_head=trained_head, cpu=cpu),
    )
    return checkpoints + way_back


def layer(shape: Shape, tokens: int, width: int) -> int:
    """Return the bytes of one layer while it is recomputed and gone back through: what it keeps,
    and the gradients of gate, up and their product."""
    return kept(shape, tokens, width) + tokens * 3 * shape.intermediate * width


def kept(shape: Shape, tokens: int, width: int) -> int:
    """Return the bytes that one layer keeps for its way back.

    Each norm's input in fp32 and what it gives, queries and keys before and after their rotation,
    values, keys and values once per head, the attention's result; gate, up, the gate's
    activation and their product.
    """
    query, key = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
    norms = 2 * shape.hidden * (FP32 + 2 * width)
    attention = (5 * query + 3 * key) * width
    mlp = 4 * shape.intermediate * width
    return tokens * (norms + attention + mlp)


def head_bytes(
    shape: Shape, tokens: int, width: int, head: Head, *, trained_head: bool, cpu: bool
) -> int:
    """Return the bytes between the last layer and the loss.

    "fused": a tile of logits (with four copies in fp32 where no kernel folds it in place), the
    gradient of the hidden states in fp32 and, where it is trained, that of the whole output
    matrix in fp32 and then in its own type. "full": all logits, and in fp32 their
    log-softmax and its gradient.
    """
    matrix = shape.embedding * (FP32 + width) if trained_head else 0
    if head == "full":
        return tokens * shape.vocabulary * (width + 2 * FP32) + matrix
    tile = min(tokens, TILE_TOKENS) * min(shape.vocabulary, TILE_VOCABULARY)
    folded = width + (4 * FP32 if cpu else 0)
    return tile * folded + tokens * shape.hidden * FP32 + matrix
