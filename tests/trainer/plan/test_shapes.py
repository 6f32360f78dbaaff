"""A model's shape, and the parameters that follow from it."""

from __future__ import annotations

import pytest

from trainer.plan.known import KNOWN, known_shape
from trainer.plan.shapes import from_config

# Counts of weights as the Hugging Face hub shows them of each repository's safetensors files.
PUBLISHED = {
    "Qwen/Qwen2.5-0.5B-Instruct": 494_032_768,
    "Qwen/Qwen2.5-1.5B-Instruct": 1_543_714_304,
    "Qwen/Qwen2.5-3B-Instruct": 3_085_938_688,
    "Qwen/Qwen2.5-7B-Instruct": 7_615_616_512,
    "Qwen/Qwen2.5-14B-Instruct": 14_770_033_664,
    "Qwen/Qwen2.5-32B-Instruct": 32_763_876_352,
    "Qwen/Qwen2.5-72B-Instruct": 72_706_203_648,
    "Qwen/Qwen3-0.6B": 596_049_920,
    "Qwen/Qwen3-1.7B": 1_720_574_976,
    "Qwen/Qwen3-4B": 4_022_468_096,
    "Qwen/Qwen3-8B": 8_190_735_360,
    "Qwen/Qwen3-14B": 14_768_307_200,
    "Qwen/Qwen3-32B": 32_762_123_264,
    "meta-llama/Llama-3.1-8B-Instruct": 8_030_261_248,
    "meta-llama/Llama-3.1-70B-Instruct": 70_553_706_496,
    "meta-llama/Llama-3.2-1B-Instruct": 1_235_814_400,
    "meta-llama/Llama-3.2-3B-Instruct": 3_212_749_824,
    "meta-llama/Llama-3.3-70B-Instruct": 70_553_706_496,
    "HuggingFaceTB/SmolLM2-135M-Instruct": 134_515_008,
    "HuggingFaceTB/SmolLM2-360M-Instruct": 361_821_120,
    "HuggingFaceTB/SmolLM2-1.7B-Instruct": 1_711_376_384,
}


@pytest.mark.parametrize(("model", "count"), PUBLISHED.items())
def test_the_parameters_of_a_known_model_are_what_is_published(model: str, count: int) -> None:
    shape = known_shape(model)
    assert shape is not None
    assert shape.name == model
    assert shape.parameters == count


def test_every_known_model_is_compared() -> None:
    assert len(KNOWN) == len(PUBLISHED)


@pytest.mark.parametrize("model", ["someone/Qwen2.5-7B-Instruct", "Qwen/Qwen2.5-8B", "gpt"])
def test_another_model_of_such_a_name_is_not_taken_for_it(model: str) -> None:
    assert known_shape(model) is None


def test_a_configuration_gives_the_same_shape_as_the_table() -> None:
    config = {
        "model_type": "qwen2",
        "num_hidden_layers": 80,
        "hidden_size": 8192,
        "intermediate_size": 29568,
        "num_attention_heads": 64,
        "num_key_value_heads": 8,
        "vocab_size": 152064,
        "tie_word_embeddings": False,
    }
    name = "Qwen/Qwen2.5-72B-Instruct"
    assert from_config(name, config) == known_shape(name)


def test_a_family_whose_layers_are_others_is_refused() -> None:
    with pytest.raises(ValueError, match='model_type "mamba" is not one of'):
        from_config("m", {"model_type": "mamba"})


def test_lora_adds_two_matrices_to_each_of_seven() -> None:
    shape = known_shape("Qwen/Qwen2.5-0.5B")
    assert shape is not None
    # q and o 896 x 896, k and v 128 x 896, three of 4864 x 896; 24 layers.
    assert shape.adapter(16) == 24 * 16 * (2 * 1792 + 2 * 1024 + 3 * 5760)
