"""What a model answers, always the likeliest token next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainer.gate.calls import Call, ParsedAnswer, as_call, parse_answer
from trainer.gate.measure.load import Loaded
from trainer.gate.records import AnswerRecord


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt in tokens, and the tools that go with it."""

    id: str
    tokens: list[int]
    tools: Sequence[Mapping[str, Any]]


def ask(
    id: str,
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]],
    tokenizer: Any,
) -> Asked:
    """Return a prompt as the model's own chat template renders it."""
    found = tokenizer.apply_chat_template(
        list(messages),
        tools=list(tools) or None,
        tokenize=True,
        return_dict=True,
        add_generation_prompt=True,
    )
    return Asked(id, list(found["input_ids"]), tools)


def answers(
    prompts: Sequence[Asked], loaded: Loaded, most_tokens: int, rows_at_once: int
) -> Iterator[list[AnswerRecord]]:
    """Yield the model's answers, some at a time, the shortest prompts first."""
    ordered = sorted(prompts, key=lambda prompt: len(prompt.tokens))
    for start in range(0, len(ordered), rows_at_once):
        batch = ordered[start : start + rows_at_once]
        yield [
            _record(prompt, tokens, loaded.tokenizer, _ends(loaded))
            for prompt, tokens in zip(batch, _generate(batch, loaded, most_tokens), strict=True)
        ]


def _generate(batch: Sequence[Asked], loaded: Loaded, most_tokens: int) -> list[list[int]]:
    import torch
    from transformers import GenerationConfig

    width = max(len(prompt.tokens) for prompt in batch)
    filler = loaded.tokenizer.pad_token_id or 0
    ids = torch.full((len(batch), width), filler, dtype=torch.long)
    seen = torch.zeros_like(ids)
    for at, prompt in enumerate(batch):
        ids[at, width - len(prompt.tokens) :] = torch.tensor(prompt.tokens)
        seen[at, width - len(prompt.tokens) :] = 1
    config = GenerationConfig(
        do_sample=False,
        max_new_tokens=most_tokens,
        eos_token_id=sorted(_ends(loaded)),
        pad_token_id=filler,
    )
    with torch.inference_mode():
        found = loaded.model.generate(
            input_ids=ids.to(loaded.device),
            attention_mask=seen.to(loaded.device),
            generation_config=config,
        )
    return [[int(token) for token in row] for row in found[:, width:]]


def _ends(loaded: Loaded) -> set[int]:
    """Return the tokens that end a message, by the tokenizer and by the model."""
    own = loaded.model.generation_config.eos_token_id
    told = own if isinstance(own, list) else [own]
    return {token for token in (loaded.tokenizer.eos_token_id, *told) if token is not None}


def _record(asked: Asked, tokens: list[int], tokenizer: Any, ends: set[int]) -> AnswerRecord:
    at = next((at for at, token in enumerate(tokens) if token in ends), None)
    kept = tokens if at is None else tokens[:at]
    finished = at is not None
    return AnswerRecord(
        id=asked.id,
        text=tokenizer.decode(kept, skip_special_tokens=True),
        parsed=_parsed(asked, kept, tokenizer, finished),
        tokens=len(kept),
        finished=finished,
    )


def _parsed(asked: Asked, tokens: list[int], tokenizer: Any, finished: bool) -> ParsedAnswer:
    if getattr(tokenizer, "response_template", None) is None:
        return parse_answer(tokenizer.decode(tokens, skip_special_tokens=True), finished=finished)
    # A tokenizer that says itself how its answers read (transformers 5.20 and later).
    try:
        told = tokenizer.parse_response(tokens, prefix=asked.tokens)
    except ValueError as error:
        text = tokenizer.decode(tokens, skip_special_tokens=True)
        return ParsedAnswer(content=text, broken=(str(error)[:200],))
    found = [as_call(call.get("function", call)) for call in told.get("tool_calls") or ()]
    return ParsedAnswer(
        content=str(told.get("content") or "").strip(),
        calls=tuple(call for call in found if isinstance(call, Call)),
        broken=tuple(fault for fault in found if isinstance(fault, str)),
    )
