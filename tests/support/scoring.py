"""How often a model prefers the right one of two answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def reward_accuracy(
    model: Path, reference: Path | None, snapshot: Path, splits: list[str]
) -> float:
    """Return the share of pairs whose chosen side has the higher reward.

    The reward is DPO's implicit one (Rafailov et al. 2023, equation 5): how much more likely the
    model makes an answer than the reference does. Counted by plain transformers, with nothing of
    the trainer's.

    Args:
        model: a directory of whole weights.
        reference: that of the base; without one, the likelihood itself counts.
        snapshot: the data.
        splits: whose pairs are taken.
    """
    import pyarrow.parquet
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    network = AutoModelForCausalLM.from_pretrained(model)
    base = AutoModelForCausalLM.from_pretrained(reference) if reference else None
    right = []
    for split in splits:
        table = pyarrow.parquet.read_table(snapshot / f"data/pairs/{split}.parquet")
        for row in table.select(["prompt", "chosen", "rejected"]).to_pylist():
            prompt, *sides = (
                [json.loads(message) for message in row[name]]
                for name in ("prompt", "chosen", "rejected")
            )
            chosen, rejected = (
                _likelihood(network, tokenizer, prompt, side)
                - (_likelihood(base, tokenizer, prompt, side) if base else 0.0)
                for side in sides
            )
            right.append(chosen > rejected)
    return sum(right) / len(right)


def _likelihood(model: Any, tokenizer: Any, prompt: list[Any], answer: list[Any]) -> float:
    import torch

    start = tokenizer.apply_chat_template(prompt, add_generation_prompt=True, return_dict=True)
    whole = tokenizer.apply_chat_template([*prompt, *answer], return_dict=True)["input_ids"]
    begin = len(start["input_ids"])
    with torch.no_grad():
        scores = model(torch.tensor([whole])).logits[0].log_softmax(-1)
    return sum(float(scores[place - 1, whole[place]]) for place in range(begin, len(whole)))
