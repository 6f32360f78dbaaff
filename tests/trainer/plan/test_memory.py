"""What a run takes on one device."""

from __future__ import annotations

import pytest

from trainer.plan.activations import head_bytes, layer
from trainer.plan.known import known_shape
from trainer.plan.memory import FP32, Work, base_bytes, needs, state, trainable
from trainer.plan.plans import Layout
from trainer.plan.shapes import Shape

GB = 1e9


def shape(name: str = "Qwen/Qwen2.5-72B-Instruct") -> Shape:
    found = known_shape(name)
    assert found is not None
    return found


def work(tuning: str = "full", **changes: object) -> Work:
    given = {"method": "dpo", "tuning": tuning, "max_length": 4096, "rank": 16, "head": "fused"}
    return Work.model_validate(given | changes)


def layout(ranks: int = 2, **changes: object) -> Layout:
    given = {
        "ranks": ranks,
        "sharded": True,
        "offload": "none",
        "rows": 1,
        "accumulation": 8,
        "precision": "bf16",
        "accelerator": "cuda",
    }
    return Layout.model_validate(given | changes)


def standing(tuning: str, ranks: int, **changes: object) -> dict[str, float]:
    """GB on one device, by what stands there all the time."""
    found = state(shape(), work(tuning), layout(ranks, **changes))
    return {need.what: need.device / GB for need in found}


def test_full_tuning_of_72b_takes_sixteen_bytes_a_parameter() -> None:
    assert sum(standing("full", 1).values()) == pytest.approx(1163, abs=1)
    assert sum(standing("full", 2).values()) == pytest.approx(582, abs=1)


def test_a_reference_that_stands_beside_it_takes_two_bytes_more() -> None:
    reference = base_bytes(shape(), "full", 2) / GB
    assert sum(standing("full", 1).values()) + reference == pytest.approx(1309, abs=1)
    assert sum(standing("full", 2).values()) + reference / 2 == pytest.approx(654, abs=1)


def test_weights_and_gradients_of_72b_alone_are_more_than_two_sparks_have() -> None:
    for ranks, table in ((1, 291), (2, 145)):
        found = standing("full", ranks)
        assert found["weights"] + found["gradients"] == pytest.approx(table, abs=1)


def test_an_adam_of_8_bits_without_fp32_weights_would_take_436() -> None:
    # Momentum and variance in a byte each. DeepSpeed keeps fp32 weights, so no plan has this.
    eight_bits = 2 * shape().parameters / GB
    for ranks, table in ((1, 436), (2, 218)):
        found = standing("full", ranks)
        assert found["weights"] + found["gradients"] + eight_bits / ranks == pytest.approx(
            table, abs=1
        )


def test_frozen_weights_take_145_and_their_half_on_each_of_two() -> None:
    assert base_bytes(shape(), "lora", 2) / GB == pytest.approx(145, abs=1)
    adapter = trainable(shape(), work("lora")) * 2 / GB
    assert standing("lora", 2)["weights"] == pytest.approx(72.7 + adapter / 2, abs=0.1)


def test_a_base_of_4_bits_takes_about_40_as_its_embeddings_stay_in_16() -> None:
    found = base_bytes(shape(), "qlora", 2) / GB
    embeddings = 2 * 2 * shape().embedding / GB
    assert found == pytest.approx(40, abs=1.5)
    assert found - embeddings == pytest.approx(70.2 * 0.516, abs=0.1)


def test_qlora_without_zero_has_the_whole_base_on_each_device() -> None:
    one = standing("qlora", 1, sharded=False)["weights"]
    assert standing("qlora", 2, sharded=False)["weights"] == one


def test_offloading_to_a_disk_leaves_the_gradients_in_memory() -> None:
    found = {
        need.what: need
        for need in state(shape(), work(), layout(offload="all to nvme", precision="bf16"))
    }
    part = shape().parameters // 2
    assert found["gradients"].cpu == pytest.approx(2 * part, rel=1e-6)
    assert found["gradients"].nvme == 0
    assert found["weights"].nvme == pytest.approx(2 * part, rel=1e-6)
    assert found["optimizer state"].nvme == pytest.approx(16 * part, rel=1e-6)
    assert all(need.device == 0 for need in found.values())


def test_a_buffer_for_swapping_holds_the_largest_weight() -> None:
    weights = state(shape(), work(), layout(offload="all to nvme"))[0]
    embedding = 2 * shape().embedding // 2
    assert weights.cpu > 5 * embedding


def test_activations_grow_with_rows_tokens_and_sides() -> None:
    def taken(**changes: object) -> int:
        rows = changes.pop("rows", 1)
        found = needs(shape(), work("lora", **changes), layout(rows=rows))
        return next(need.device for need in found if need.what == "activations")

    one = taken()
    assert taken(rows=2) == 2 * one
    assert taken(max_length=2048) == pytest.approx(one / 2, rel=0.1)
    assert taken(method="kto") == pytest.approx(one / 2, rel=0.1)


def test_checkpoints_of_72b_are_the_input_of_each_layer() -> None:
    # 2 sides of 4096 tokens, 8192 wide, 2 bytes, 80 layers; and one layer recomputed.
    found = needs(shape(), work("lora"), layout())
    checkpoints = 8192 * 8192 * 2 * 80
    assert next(n.device for n in found if n.what == "activations") == checkpoints + layer(
        shape(), 8192, 2
    )


def test_all_logits_at_once_are_many_times_a_tile_of_them() -> None:
    small = shape("Qwen/Qwen2.5-0.5B-Instruct")
    full = head_bytes(small, 8192, 2, "full", trained_head=False, cpu=False)
    fused = head_bytes(small, 8192, 2, "fused", trained_head=False, cpu=False)
    assert full == 8192 * 151_936 * 10
    assert fused == 4096 * 32_768 * 2 + 8192 * 896 * FP32


def test_in_fp32_there_are_no_other_fp32_weights() -> None:
    found = standing("full", 1, precision="fp32", accelerator="cpu")
    assert sum(found.values()) == pytest.approx(16 * 72.7, abs=1)
    assert found["optimizer state"] == pytest.approx(8 * 72.7, abs=1)
