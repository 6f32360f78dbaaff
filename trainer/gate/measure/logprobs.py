"""How likely a model finds the two sides of each pair, counted as the training counts it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from trainer.gate.measure.load import Loaded
from trainer.gate.measure.snapshot import HeldOut
from trainer.gate.records import PairLogs


@dataclass(frozen=True, slots=True)
class Encoded:
    """A pair in tokens."""

    id: str
    prompt: list[int]
    chosen: list[int]
    rejected: list[int]

    @property
    def longest(self) -> int:
        """Tokens of the prompt with its longer side."""
        return len(self.prompt) + max(len(self.chosen), len(self.rejected))


def encode(row: HeldOut, tokenizer: Any) -> Encoded:
    """Return a pair in tokens, as TRL's DPOTrainer has it: prompt and side are rendered together,
    and the side begins where that is no longer the prompt."""
    tools = row.tools or None
    start = _ids(tokenizer, row.prompt, tools, add_generation_prompt=True)
    chosen = _ids(tokenizer, [*row.prompt, *row.chosen], tools)
    rejected = _ids(tokenizer, [*row.prompt, *row.rejected], tools)
    common = min(_common(start, chosen), _common(start, rejected))
    return Encoded(row.id, start[:common], chosen[common:], rejected[common:])


def logprobs(
    pairs: Sequence[Encoded], loaded: Loaded, rows_at_once: int
) -> Iterator[list[PairLogs]]:
    """Yield the sums of log-probabilities of pairs, some at a time, the shortest first."""
    ordered = sorted(pairs, key=lambda pair: pair.longest)
    for start in range(0, len(ordered), rows_at_once):
        batch = ordered[start : start + rows_at_once]
        sides = [(p.prompt, side) for p in batch for side in (p.chosen, p.rejected)]
        sums = _sums(sides, loaded)
        yield [
            PairLogs(id=pair.id, chosen=sums[2 * at], rejected=sums[2 * at + 1])
            for at, pair in enumerate(batch)
        ]


def _sums(sides: Sequence[tuple[list[int], list[int]]], loaded: Loaded) -> list[float]:
    import torch

    width = max(len(prompt) + len(side) for prompt, side in sides)
    ids = torch.zeros((len(sides), width), dtype=torch.long)
    seen = torch.zeros_like(ids)
    for at, (prompt, side) in enumerate(sides):
        whole = prompt + side
        ids[at, : len(whole)] = torch.tensor(whole)
        seen[at, : len(whole)] = 1
    # Logits of the prompts would be most of the memory; only those that foretell a side are kept.
    first = max(1, min(len(prompt) for prompt, _ in sides))
    ids, seen = ids.to(loaded.device), seen.to(loaded.device)
    with torch.inference_mode():
        logits = loaded.model(
            input_ids=ids, attention_mask=seen, use_cache=False, logits_to_keep=width - first + 1
        ).logits[:, :-1]
    sums = []
    for at, (prompt, side) in enumerate(sides):
        begin = max(1, len(prompt)) - first
        counted = side if prompt else side[1:]
        own = logits[at, begin : begin + len(counted)].float()
        told = own.gather(1, torch.tensor(counted, device=own.device)[:, None])[:, 0]
        sums.append(float((told - own.logsumexp(dim=1)).sum()))
    return sums


def _ids(tokenizer: Any, messages: Any, tools: Any, **options: Any) -> list[int]:
    found = tokenizer.apply_chat_template(
        messages, tools=tools, tokenize=True, return_dict=True, **options
    )
    return list(found["input_ids"])


def _common(one: list[int], other: list[int]) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count
