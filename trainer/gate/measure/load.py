"""Getting models into memory, one base at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.base import find, load_tokenizer
from trainer.gate.job import GateJob, Role, Weights
from trainer.refusal import Refusal, first_line


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that can be asked, with its tokenizer (`transformers`' own classes)."""

    model: Any
    tokenizer: Any

    @property
    def device(self) -> Any:
        """Where its input goes."""
        return self.model.get_input_embeddings().weight.device


def by_base(models: dict[Role, Weights]) -> dict[str, list[tuple[Role, str]]]:
    """Return for each base the models that stand on it, with their adapters: it is loaded once."""
    found: dict[str, list[tuple[Role, str]]] = {}
    for role, weights in models.items():
        found.setdefault(weights.model, []).append((role, weights.adapter))
    return found


@contextmanager
def loaded(name: str, job: GateJob) -> Iterator[Loaded]:
    """Hold a model in memory.

    On "cuda" accelerate spreads it over the GPUs of this machine and, where they are full, to CPU
    memory and disk.

    Raises:
        Refusal: it can't be read.
    """
    import gc

    import torch
    from transformers import AutoModelForCausalLM

    source = find(name)
    options: dict[str, Any] = {
        "dtype": torch.bfloat16 if job.precision == "bf16" else torch.float32
    }
    if job.accelerator == "cuda":
        options |= {"device_map": "auto", "offload_folder": str(job.folder / "offload")}
    if job.quantized:
        from transformers import BitsAndBytesConfig

        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=options["dtype"],
        )
    try:
        model = AutoModelForCausalLM.from_pretrained(source.name, **source.options, **options)
    except (OSError, ValueError, ImportError) as error:
        raise Refusal(f"the model {name} can't be loaded: {first_line(error)}") from error
    # A whole model that was saved without its tokenizer has that of its base; transformers would
    # make up an empty one.
    folder = Path(source.name)
    bare = source.local and not source.gguf and not (folder / "tokenizer_config.json").exists()
    tokenizer = load_tokenizer(find(job.base.model) if bare else source)
    try:
        yield Loaded(model.eval(), tokenizer)
    finally:
        del model
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


@contextmanager
def adapted(base: Loaded, adapter: str) -> Iterator[Loaded]:
    """Put an adapter upon a model while the context lasts; "" is none."""
    if not adapter:
        yield base
        return
    from peft import PeftModel

    model = PeftModel.from_pretrained(base.model, adapter).eval()
    try:
        yield Loaded(model, base.tokenizer)
    finally:
        model.unload()
