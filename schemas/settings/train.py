"""How a better model is trained: when, of what, where, and what it must show before it serves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from schemas.durations import Seconds
from schemas.settings.section import Section

_WINDOW = re.compile(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d")


class Host(Section):
    """A machine that trains."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", description="Its name in plans and logs.")
    address: str = Field(
        "",
        description="Where ssh reaches it, such as user@spark1; its other name in judges' URLs. "
        '"" is this machine.',
    )
    interface: str = Field(
        "", description="The address by which the others reach it; without one, that of ssh."
    )
    network: str = Field(
        "", description='Network interface for the traffic of a run, such as "enp1s0f0np0".'
    )
    devices: int = Field(1, ge=1, description="GPUs, and so processes of a run.")
    accelerator: Literal["cuda", "cpu"] = Field("cuda", description="What it trains on.")
    memory: float = Field(
        128, gt=0, description="GB that training may use: of its GPU, or of all where they share."
    )
    unified: bool = Field(
        True, description="Whether CPU and GPU share their memory, as on a DGX Spark."
    )
    host_memory: float = Field(
        0, ge=0, description="GB of CPU memory for offloading, where it is not shared."
    )
    nvme: str = Field("", description="A directory on a fast disk for offloading; none without.")
    nvme_free: float = Field(0, ge=0, description="GB that may be used there.")
    python: str = Field(
        "",
        description="The Python there that has clawback[train]; without one, train.python.",
    )
    folder: Path = Field(
        Path("~/.clawback/training"), description="Where data, logs and checkpoints go there."
    )
    free: str = Field(
        "",
        description="A command that makes room on it before a run, for servers other than Ollama.",
    )
    restore: str = Field("", description="The command that undoes it after the run.")


class Lora(Section):
    """The adapter of LoRA and QLoRA."""

    rank: int = Field(16, ge=1, description="Its rank.")
    alpha: int = Field(32, ge=1, description="Its scale, divided by the rank.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of it that is dropped at random.")


class Gate(Section):
    """What a candidate must show before it serves."""

    confidence: float = Field(
        0.95, gt=0.5, lt=1, description="How sure it must be that the candidate is better."
    )
    min_accuracy: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Lowest share of held-out pairs that it must prefer the right way.",
    )
    prompts: int = Field(
        200, ge=0, description="Most held-out prompts that both models answer for the judges."
    )
    answer_tokens: int = Field(512, ge=1, description="Most tokens of such an answer.")
    max_length_ratio: float = Field(
        1.5,
        ge=1,
        description="How much longer than the incumbent's its answers may be, on average.",
    )
    min_valid_calls: float = Field(
        0.95,
        ge=0,
        le=1,
        description="Smallest share of its tool calls that parse, name a known tool and fit it; "
        "where the incumbent has less, not less than that.",
    )
    must_pass: str = Field(
        "",
        description="A JSONL file of prompts with what an answer must or must not hold; a "
        "candidate that fails one that the incumbent passes is refused.",
    )


class Serving(Section):
    """Where a promoted model goes."""

    ollama: str = Field(
        "", description="URL of the Ollama that serves it; without one, only files are written."
    )
    name: str = Field(
        "clawback", pattern=r"^[a-z0-9][a-z0-9._-]*$", description="The model's name there."
    )
    context: int = Field(32768, ge=512, description="Tokens of context that it is given there.")
    transport: Literal["httpx", "curl"] = Field(
        "httpx",
        description='"curl" speaks to it through the curl program, where Python may not reach the '
        "network.",
    )
    quantization: str = Field("Q4_K_M", description="llama.cpp's name of the quantisation.")
    llama_cpp: str = Field(
        "",
        description="llama.cpp's directory, for conversion and quantisation; without one, they are "
        "looked for in the Python that trains and on the PATH.",
    )


class Train(Section):
    """When a model is trained, and how."""

    enabled: bool = Field(False, description="Whether the line trains by itself.")
    model: str = Field(
        "Qwen/Qwen2.5-72B-Instruct",
        description="The base: a directory, a GGUF file, or its name on the Hugging Face hub.",
    )
    method: Literal["dpo", "kto"] = Field(
        "dpo", description='"dpo" learns from pairs, "kto" from single labelled answers, too.'
    )
    tuning: Literal["full", "lora", "qlora"] = Field(
        "lora", description="All weights, an adapter, or an adapter on a base of 4 bits."
    )
    backend: Literal["trl", "axolotl"] = Field("trl", description="What does the training.")
    min_pairs: int = Field(
        200, ge=1, description="New pairs (labelled answers for kto) that start a run."
    )
    schedule: str = Field(
        "",
        description="Cron expression: a run also starts then if there is at least one new pair.",
    )
    window: str = Field(
        "", description='Local time in which runs may start: "01:00-06:00"; "" is always.'
    )
    min_between: Seconds = Field(
        "12h", validate_default=True, description="Least time from one run's start to the next."
    )
    retries: int = Field(3, ge=0, description="How often a failed run is tried again.")
    backoff: Seconds = Field(
        "10m", validate_default=True, description="Wait before that; doubles each time."
    )
    free_patience: Seconds = Field(
        "10m", validate_default=True, description="How long hosts may take to free their memory."
    )
    python: str = Field(
        "", description="The Python that has clawback[train]; without one, the one that runs this."
    )
    max_length: int = Field(
        4096,
        ge=64,
        description="Most tokens of a prompt with its answer; longer rows are left out.",
    )
    epochs: float = Field(1.0, gt=0, description="How often the data is gone through.")
    max_steps: int = Field(-1, ge=-1, description="Most optimizer steps; -1 for all of the epochs.")
    batch: int = Field(16, ge=1, description="Rows an optimizer step learns from, on all devices.")
    learning_rate: float = Field(5e-6, gt=0, description="Step size, at its highest.")
    beta: float = Field(0.1, gt=0, description="How closely it stays with the base.")
    seed: int = Field(17, ge=0, description="Of the order of the rows, and of an adapter.")
    save_steps: int = Field(50, ge=1, description="Optimizer steps between checkpoints.")
    keep_checkpoints: int = Field(2, ge=1, description="Checkpoints that are kept.")
    lora: Lora = Field(Lora(), description="The adapter of LoRA and QLoRA.")
    gate: Gate = Field(Gate(), description="What a candidate must show before it serves.")
    serving: Serving = Field(Serving(), description="Where a promoted model goes.")

    @field_validator("window")
    @classmethod
    def _hours(cls, value: str) -> str:
        if value and _WINDOW.fullmatch(value) is None:
            raise ValueError(f"{value!r} is no window; write one such as 01:00-06:00")
        return value

    @field_validator("schedule")
    @classmethod
    def _cron(cls, value: str) -> str:
        if value:
            # Only who has a schedule needs it.
            from croniter import croniter

            if not croniter.is_valid(value):
                raise ValueError(
                    f"{value!r} is no cron expression; write minute, hour, day, month and weekday, "
                    'such as "0 3 * * *" for three at night'
                )
        return value
