"""The formula for activations beside what torch keeps, and the ZeRO keys beside DeepSpeed's."""

from __future__ import annotations

from typing import Any

import pytest

from trainer.plan.activations import kept
from trainer.plan.memory import parameter_buffer
from trainer.plan.plans import Layout
from trainer.plan.shapes import from_config
from trainer.plan.zero import zero_configuration

pytestmark = pytest.mark.train

TOKENS = 1024
OFFLOADS = ("none", "optimizer to cpu", "all to cpu", "optimizer to nvme", "all to nvme")


def kept_by_torch(model: Any, ids: Any, mask: Any) -> int:
    """Bytes of all that a pass keeps for its way back, but for the weights."""
    import torch

    weights = {each.untyped_storage().data_ptr() for each in model.parameters()}
    found: dict[int, Any] = {}

    def keep(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            found[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = model(input_ids=ids, attention_mask=mask, use_cache=False)
    assert output.last_hidden_state.requires_grad
    return sum(storage.nbytes() for storage in found.values())


@pytest.mark.parametrize(
    ("heads", "kv_heads", "intermediate", "precision"),
    [(8, 2, 1024, "bfloat16"), (4, 4, 704, "bfloat16"), (8, 2, 1024, "float32")],
)
def test_a_layer_keeps_what_the_formula_says(
    heads: int, kv_heads: int, intermediate: int, precision: str
) -> None:
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    dtype = getattr(torch, precision)
    ids = torch.zeros((2, TOKENS // 2), dtype=torch.long)
    mask = torch.ones_like(ids)
    mask[0, -100:] = 0
    found = {}
    for layers in (1, 3):
        config = Qwen2Config(
            vocab_size=512,
            hidden_size=256,
            intermediate_size=intermediate,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            num_key_value_heads=kv_heads,
        )
        model = Qwen2ForCausalLM(config).to(dtype).model
        found[layers] = kept_by_torch(model, ids, mask)
    one = (found[3] - found[1]) / 2
    shape = from_config("tiny", config.to_dict())
    assert kept(shape, TOKENS, dtype.itemsize) == pytest.approx(one, rel=0.1)


@pytest.mark.parametrize("offload", OFFLOADS)
def test_deepspeed_knows_every_key(offload: str) -> None:
    from deepspeed.runtime.zero.config import DeepSpeedZeroConfig

    shape = from_config("m", CONFIG)
    layout = Layout.model_validate(LAYOUT | {"offload": offload})
    made = zero_configuration(shape, layout, gathers=True, nvme="/disk")
    assert made is not None
    numbers = {
        key: 1 if value == "auto" else value for key, value in made["zero_optimization"].items()
    }
    # Its model forbids what it does not know.
    assert DeepSpeedZeroConfig.model_config["extra"] == "forbid"
    read = DeepSpeedZeroConfig(**numbers)
    assert read.stage == 3
    assert read.gather_16bit_weights_on_model_save is True
    assert read.overlap_comm is True
    place = "nvme" if offload.endswith("nvme") else "cpu"
    assert (read.offload_optimizer is None) == (offload == "none")
    assert read.offload_optimizer is None or read.offload_optimizer.device == place
    assert (read.offload_param is None) == (not offload.startswith("all"))
    if offload == "all to nvme":
        assert read.offload_param.buffer_size >= parameter_buffer(shape, layout)
        assert str(read.offload_param.nvme_path) == "/disk/clawback-zero"


def test_transformers_takes_the_configuration_and_fills_it_in(tmp_path: Any) -> None:
    from transformers import TrainingArguments
    from transformers.integrations import HfDeepSpeedConfig

    layout = Layout.model_validate(LAYOUT | {"accelerator": "cpu", "precision": "fp32"})
    made = zero_configuration(from_config("m", CONFIG), layout, gathers=True)
    assert made is not None
    arguments = TrainingArguments(
        output_dir=str(tmp_path),
        deepspeed=made,
        per_device_train_batch_size=layout.rows,
        gradient_accumulation_steps=layout.accumulation,
        bf16=False,
        use_cpu=True,
    )
    filled = arguments.hf_deepspeed_config
    assert isinstance(filled, HfDeepSpeedConfig)
    assert filled.mismatches == []
    assert filled.config["train_micro_batch_size_per_gpu"] == layout.rows
    assert filled.config["gradient_accumulation_steps"] == layout.accumulation
    assert filled.is_zero3()


CONFIG = {
    "model_type": "qwen2",
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 512,
    "tie_word_embeddings": True,
}
LAYOUT = {
    "ranks": 2,
    "sharded": True,
    "offload": "none",
    "rows": 2,
    "accumulation": 4,
    "precision": "bf16",
    "accelerator": "cuda",
}
