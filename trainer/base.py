"""The base model: where it is, how it is loaded, and its chat template."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from trainer.job import Job
from trainer.refusal import Refusal, first_line

CHATML: Final = ("<|im_start|>", "<|im_end|>")
"""The tokens that Qwen2.5's template needs."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a base is: a directory or a name on the hub, and a GGUF file in that directory."""

    name: str
    gguf: str | None
    local: bool

    @property
    def options(self) -> dict[str, str]:
        """What `from_pretrained` is told beside the name."""
        return {"gguf_file": self.gguf} if self.gguf else {}


def find(model: str) -> Source:
    """Return where a base is.

    Args:
        model: a directory, a GGUF file, or a name on the Hugging Face hub.

    Raises:
        Refusal: it names a place on this host where no model is.
    """
    path = Path(model).expanduser()
    if path.is_file() and path.suffix == ".gguf":
        return Source(str(path.parent), path.name, local=True)
    if path.is_dir():
        if (path / "config.json").exists():
            return Source(str(path), None, local=True)
        found = sorted(path.glob("*.gguf"))
        if len(found) == 1:
            return Source(str(path), found[0].name, local=True)
        raise Refusal(f"{path} holds no model: it has neither a config.json nor one GGUF file")
    if model.startswith((".", "/", "~")) or model.endswith(".gguf") or model.count("/") > 1:
        raise Refusal(f"there is no model at {path}; see train.model")
    return Source(model, None, local=False)


def load_tokenizer(source: Source) -> Any:
    """Return the base's tokenizer, with Qwen2.5's chat template where it has none of its own.

    Raises:
        Refusal: it can't be loaded, or has no template and can't take that one.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(source.name, **source.options)
    except (OSError, ValueError) as error:
        raise Refusal(
            f"the tokenizer of {source.name} can't be loaded: {first_line(error)}"
        ) from error
    if source.gguf:
        _mend(tokenizer, source)
    if tokenizer.chat_template is None:
        known = tokenizer.get_vocab()
        if missing := [token for token in CHATML if token not in known]:
            raise Refusal(
                f"the tokenizer of {source.name} has no chat template, and lacks {missing[0]}, "
                "which Qwen2.5's needs; take an instruction-tuned model"
            )
        template = files("trl").joinpath("chat_templates/qwen2_5.jinja")
        tokenizer.chat_template = template.read_text(encoding="utf-8")
        tokenizer.eos_token = CHATML[1]
    return tokenizer


def _mend(tokenizer: Any, source: Source) -> None:
    """Put right what transformers 5.17 makes of the tokenizer of a GGUF file.

    It takes another token for the one that ends texts than the file says, and gives a byte-level
    vocabulary the marks of one that falls back to bytes, as which llama.cpp would convert it.
    """
    from tokenizers import decoders, pre_tokenizers
    from transformers import AutoConfig

    end = AutoConfig.from_pretrained(source.name, **source.options).eos_token_id
    if isinstance(end, int):
        tokenizer.eos_token = tokenizer.convert_ids_to_tokens(end)
    inner = tokenizer.backend_tokenizer
    if isinstance(inner.pre_tokenizer, pre_tokenizers.ByteLevel) and inner.model.byte_fallback:
        inner.model.byte_fallback = False
        inner.normalizer = None
        inner.decoder = decoders.ByteLevel()


def longest(source: Source) -> int | None:
    """Return the most tokens that the base has positions for; None where it does not say.

    Raises:
        Refusal: there is no such model.
    """
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(source.name, **source.options)
    except (OSError, ValueError) as error:
        raise Refusal(f"the model {source.name} can't be loaded: {first_line(error)}") from error
    return getattr(config, "max_position_embeddings", None)


def load_model(job: Job, source: Source, local_rank: int) -> Any:
    """Return the base, on its device.

    Where DeepSpeed is used, its configuration has to be known to transformers by now, so that the
    weights are divided while they are read.

    Without DeepSpeed, all weights are trained in 32 bits, bf16 or not: a step of 5e-6 is less
    than bf16 can add to a weight. (DeepSpeed keeps such weights itself.)

    Raises:
        Refusal: it can't be loaded, or 4 bits are asked for without CUDA.
    """
    import torch
    from transformers import AutoModelForCausalLM

    full = job.tuning == "full" and job.deepspeed is None
    half = job.precision == "bf16" and not full
    options: dict[str, Any] = {"dtype": torch.bfloat16 if half else torch.float32}
    if job.accelerator == "cuda" and job.deepspeed is None:
        options["device_map"] = {"": local_rank}
    if job.tuning == "qlora":
        options["quantization_config"] = _four_bits(job)
    try:
        model = AutoModelForCausalLM.from_pretrained(source.name, **source.options, **options)
    except (OSError, ValueError, ImportError) as error:
        raise Refusal(f"the model {source.name} can't be loaded: {first_line(error)}") from error
    return as_dense(model) if source.gguf else model


def as_dense(model: Any) -> Any:
    """Take the mark of quantisation off a model that was read from a GGUF file: its weights were
    unpacked, but as long as it is marked transformers refuses to train and to save it."""
    if getattr(model, "hf_quantizer", None) is not None:
        model.hf_quantizer = None
        model.is_quantized = False
        for owner, name in ((model, "quantization_method"), (model.config, "quantization_config")):
            if hasattr(owner, name):
                delattr(owner, name)
    return model


def _four_bits(job: Job) -> Any:
    """NF4 with doubly quantised constants, as QLoRA has it (Dettmers et al. 2023)."""
    import torch
    from transformers import BitsAndBytesConfig

    computed = torch.bfloat16 if job.precision == "bf16" else torch.float32
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=computed,
        # ZeRO-3 divides only weights of a floating type.
        bnb_4bit_quant_storage=computed,
    )


def adapter(job: Job) -> Any:
    """Return the configuration of LoRA's adapter, None where all weights are trained."""
    if job.tuning == "full":
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=job.lora_rank,
        lora_alpha=job.lora_alpha,
        lora_dropout=job.lora_dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def stop_at(model: Any, tokenizer: Any, stop: str) -> None:
    """Make the model end its answers at the token that ends those it learns from.

    Args:
        model: the base.
        tokenizer: its tokenizer.
        stop: that token; "" changes nothing.
    """
    if not stop:
        return
    found = tokenizer.convert_tokens_to_ids(stop)
    known = model.generation_config.eos_token_id
    ends = known if isinstance(known, list) else [known] if known is not None else []
    if found not in ends:
        model.generation_config.eos_token_id = [*ends, found] if ends else found


def refuse_impossible(job: Job) -> None:
    """Raise what is known before anything is loaded.

    Raises:
        Refusal: the job can't be done.
    """
    if job.tuning == "qlora" and job.accelerator != "cuda":
        raise Refusal('a base of 4 bits needs CUDA; take train.tuning = "lora" on a CPU')
    if job.method == "kto" and job.rows_per_device < 2:
        raise Refusal(
            "KTO compares each row with another of its batch: rows_per_device must be 2 or more"
        )
