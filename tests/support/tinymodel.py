"""A model of a few thousand weights and a snapshot that it can learn from, made on disk in seconds.

torch and transformers are imported inside `make_model`, so that a test module can import this
where they are not installed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sinks.dataset.features import PAIRS, UNPAIRED
from sinks.dataset.parquet import RowFile, table_of
from sinks.dataset.rows import texts
from trainer.job import Job

TEMPLATE = Path(__file__).parents[2] / "sinks/render/qwen2_5.jinja"
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
CITIES = ("Bern", "Oslo", "Rome", "Kyiv", "Lima", "Cairo", "Quito", "Delhi")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WORDS = ("please", "now", "kindly", "quickly", "again", "for me", "today", "at once")
TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": "lamp",
            "description": "",
            "parameters": {
                "type": "object",
                "properties": {"state": {"type": "string"}},
                "required": ["state"],
            },
        },
    }
]

Row = dict[str, Any]


def make_model(
    folder: Path,
    *,
    seed: int = 0,
    hidden: int = 64,
    layers: int = 2,
    template: bool = True,
    positions: int = 2048,
) -> Path:
    """Write a Qwen2 model with random weights and its tokenizer, and return its folder.

    Args:
        folder: where; made if it is not there.
        seed: of the weights.
        hidden: its width; a multiple of 16.
        layers: its depth.
        template: whether the tokenizer has Qwen2.5's chat template.
        positions: the longest text it knows positions for, in tokens.
    """
    import torch
    from tokenizers import ByteLevelBPETokenizer
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    # Of one text always the same tokenizer: none of its words is as frequent as another by chance.
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(_corpus(), vocab_size=512, special_tokens=list(SPECIAL))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=trained._tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=list(SPECIAL),
    )
    if template:
        tokenizer.chat_template = TEMPLATE.read_text(encoding="utf-8")
    config = Qwen2Config(
        vocab_size=512,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 16,
        num_key_value_heads=hidden // 32,
        max_position_embeddings=positions,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Qwen2ForCausalLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_snapshot(
    folder: Path,
    *,
    train: int = 64,
    held_out: int = 32,
    unpaired: int = 0,
    tools: bool = True,
    calls: bool = True,
    extra: Sequence[Row] = (),
) -> Path:
    """Write a snapshot as `sinks.dataset` lays it out, and return its folder.

    Its preference is learnable, and only from the prompt: where the user wants light, a call that
    switches the lamp on is chosen and one that switches it off is rejected, and the other way
    round where the user wants it dark. Each side is chosen in half of all rows. The held-out rows
    (in the splits `eval` and `test`, as many in each) have prompts that no training row has.

    Args:
        folder: where; made if it is not there.
        train: pairs to train on.
        held_out: pairs in each of the other splits.
        unpaired: labelled single answers to train on.
        tools: whether rows tell of the tools; without, they are a sixth as long.
        calls: whether answers are calls of a tool. The templates of models that know no tools pass
            over calls, so that both answers would read the same; for those, answers are words.
        extra: further rows of the pairs to train on.
    """
    rows = list(pairs(train + 2 * held_out, calls=calls))
    splits = {
        "train": [*rows[2 * held_out :], *extra],
        "eval": rows[:held_out],
        "test": rows[held_out : 2 * held_out],
    }
    for split, part in splits.items():
        if part:
            schema = PAIRS.arrow_schema
            with RowFile(folder / "data/pairs" / f"{split}.parquet", schema) as file:
                stored = [_stored(row, tools, "chosen", "rejected") for row in part]
                file.add(table_of(stored, schema))
    singles = list(labelled(unpaired, calls=calls))
    if singles:
        schema = UNPAIRED.arrow_schema
        with RowFile(folder / "data/unpaired/train.parquet", schema) as file:
            file.add(table_of([_stored(row, tools, "completion") for row in singles], schema))
    (folder / "tools.json").write_text(json.dumps({"main": TOOLS}))
    counts = {name: len(part) for name, part in splits.items()}
    (folder / "manifest.json").write_text(json.dumps({"format": 1, "counts": {"pairs": counts}}))
    return folder


def make_job(model: Path, snapshot: Path, output: Path, **changes: Any) -> Path:
    """Write a small job for the CPU to ``<output>/job.json`` and return that file.

    Args:
        model: the base.
        snapshot: the data.
        output: the run's folder.
        changes: fields of `trainer.job.Job` that are to be otherwise.
    """
    fields: dict[str, Any] = {
        "run": "tiny",
        "method": "dpo",
        "tuning": "full",
        "model": str(model),
        "snapshot": snapshot,
        "output": output,
        "max_length": 512,
        "max_steps": 4,
        "rows_per_device": 4,
        "accumulation": 1,
        "learning_rate": 1e-3,
        "precision": "fp32",
        "gradient_checkpointing": False,
        "save_steps": 2,
        "accelerator": "cpu",
    }
    output.mkdir(parents=True, exist_ok=True)
    path = output / "job.json"
    path.write_text(Job(**(fields | changes)).model_dump_json(indent=2))
    return path


def zero3(**changes: Any) -> dict[str, Any]:
    """Return a ZeRO-3 configuration for a few processes on one CPU."""
    return {
        "zero_optimization": {
            "stage": 3,
            "overlap_comm": False,
            "contiguous_gradients": True,
            "stage3_gather_16bit_weights_on_model_save": True,
            # Else DeepSpeed keeps all weights of so small a model on every rank.
            "stage3_param_persistence_threshold": 0,
        },
        "bf16": {"enabled": "auto"},
        "gradient_accumulation_steps": "auto",
        "gradient_clipping": "auto",
        "train_batch_size": "auto",
        "train_micro_batch_size_per_gpu": "auto",
        **changes,
    }


def pairs(count: int, *, calls: bool = True) -> Iterable[Row]:
    """Yield pairs with different prompts, in an order that is always the same."""
    for number, (request, on) in enumerate(_requests(count, seed=1)):
        yield pair(f"pair-{number:04}", request, _answer(on, calls), _answer(not on, calls))


def labelled(count: int, *, calls: bool = True) -> Iterable[Row]:
    """Yield single answers to other prompts, good and bad in turn."""
    for number, (request, on) in enumerate(_requests(count, seed=2)):
        good = number % 2 == 0
        yield {
            "id": f"turn-{number:04}",
            "evidence": "",
            "overall": 9.0 if good else 1.0,
            "sessions": [f"session-{number}"],
            "started_ms": number,
            "tools_source": "inferred",
            "prompt": [{"role": "user", "content": request}],
            "completion": [_answer(on if good else not on, calls)],
            "label": good,
            "tools": TOOLS,
        }


def pair(identity: str, request: str, chosen: Row, rejected: Row) -> Row:
    """Return a pair of two messages under one request."""
    return {
        "id": identity,
        "strategy": "branch",
        "evidence": "",
        "margin": 8.0,
        "weight": 1.0,
        "reviewed": "",
        "chosen_overall": 9.0,
        "rejected_overall": 1.0,
        "sessions": [identity],
        "started_ms": 0,
        "tools_source": "inferred",
        "prompt": [{"role": "user", "content": request}],
        "chosen": [chosen],
        "rejected": [rejected],
        "tools": TOOLS,
    }


def _answer(on: bool, call: bool) -> Row:
    arguments = {"state": "on" if on else "off"}
    if not call:
        return {"role": "assistant", "content": f"the lamp is {arguments['state']}"}
    return {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"type": "function", "function": {"name": "lamp", "arguments": arguments}}],
    }


def _requests(count: int, seed: int) -> list[tuple[str, bool]]:
    """Return requests, no two alike, and whether each wants the lamp on."""
    every = [
        (f"make it {'bright' if on else 'dark'} {word} in {city} on {day} {seed}", on)
        for word in WORDS
        for city in CITIES
        for day in DAYS
        for on in (True, False)
    ]
    random.Random(seed).shuffle(every)
    if count > len(every):
        raise ValueError(f"there are only {len(every)} requests")
    return every[:count]


def _corpus() -> list[str]:
    words = (*WORDS, *CITIES, *DAYS, "make it bright dark in on 1 2 3")
    return [*words, TEMPLATE.read_text(encoding="utf-8"), json.dumps(TOOLS[0])] * 4


def _stored(row: Row, tools: bool, *sides: str) -> Row:
    told = row["tools"] if tools else []
    return row | {"tools": texts(told)} | {name: texts(row[name]) for name in ("prompt", *sides)}
