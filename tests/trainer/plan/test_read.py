"""Reading a shape from what `train.model` names."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from trainer.plan.plans import Impossible
from trainer.plan.read import shape_of
from trainer.plan.shapes import Shape, computed

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


def safetensors(path: Path, **tensors: list[int]) -> None:
    header = json.dumps(
        {"__metadata__": {"format": "pt"}}
        | {name: {"dtype": "BF16", "shape": each} for name, each in tensors.items()}
    ).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def gguf(path: Path, tied: bool = True, architecture: str = "llama") -> Path:
    """A header as llama.cpp writes it, with a vocabulary to pass over."""
    fields = {
        "block_count": 2,
        "embedding_length": 64,
        "feed_forward_length": 128,
        "attention.head_count": 4,
        "attention.head_count_kv": 2,
    }
    layer = {
        "attn_q": (64, 64),
        "attn_k": (64, 32),
        "attn_v": (64, 32),
        "attn_output": (64, 64),
        "ffn_gate": (64, 128),
        "ffn_up": (64, 128),
        "ffn_down": (128, 64),
        "attn_norm": (64,),
        "ffn_norm": (64,),
    }
    tensors = {"token_embd.weight": (64, 512), "output_norm.weight": (64,)} | {
        f"blk.{at}.{name}.weight": each for at in range(2) for name, each in layer.items()
    }
    if not tied:
        tensors["output.weight"] = (64, 512)
    tokens = b"".join(text(f"token {at}") for at in range(512))
    parts = [
        b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(fields) + 3),
        text("general.architecture") + struct.pack("<I", 8) + text(architecture),
        text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 512) + tokens,
        text("tokenizer.ggml.scores") + struct.pack("<IIQ", 9, 6, 512) + bytes(4 * 512),
        *(
            text(f"{architecture}.{name}") + struct.pack("<II", 4, value)
            for name, value in fields.items()
        ),
        *(
            text(name)
            + struct.pack("<I", len(each))
            + struct.pack("<" + "Q" * len(each), *each)
            + struct.pack("<IQ", 0, 0)
            for name, each in tensors.items()
        ),
    ]
    path.write_bytes(b"".join(parts))
    return path


def test_a_configuration_alone_is_enough(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    shape = shape_of(str(tmp_path))
    assert (shape.layers, shape.hidden, shape.kv_heads, shape.head_size) == (2, 64, 2, 16)
    assert shape.tied
    assert shape.parameters == computed(shape)


def test_weights_that_are_there_are_counted(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    safetensors(tmp_path / "model.safetensors", a=[1000, 10], b=[7])
    assert shape_of(str(tmp_path)).parameters == 10_007


def test_weights_in_several_files_are_counted_together(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    index = {"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    safetensors(tmp_path / "one.safetensors", a=[1000, 10])
    assert shape_of(str(tmp_path)).parameters == computed(shape_of(str(tmp_path)))
    safetensors(tmp_path / "two.safetensors", b=[7])
    assert shape_of(str(tmp_path)).parameters == 10_007


@pytest.mark.parametrize("tied", [True, False])
def test_a_gguf_file_says_its_shape(tmp_path: Path, tied: bool) -> None:
    shape = shape_of(str(gguf(tmp_path / "tiny.gguf", tied)))
    assert (shape.layers, shape.hidden, shape.intermediate) == (2, 64, 128)
    assert (shape.heads, shape.kv_heads, shape.head_size) == (4, 2, 16)
    assert (shape.vocabulary, shape.tied) == (512, tied)
    assert shape.parameters == computed(shape)


def test_a_name_that_is_not_known_says_what_to_write_instead() -> None:
    with pytest.raises(Impossible, match=r"Write the directory .* Known by name: .*Qwen2.5-72B"):
        shape_of("someone/their-model")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("not JSON", "gives no shape"),
        ('{"model_type": "mamba"}', 'model_type "mamba" is not one of'),
        ('{"model_type": "llama", "hidden_size": 64, "num_attention_heads": 4}', "does not say"),
        ("[]", "gives no shape"),
    ],
)
def test_a_configuration_that_says_nothing_is_named(
    tmp_path: Path, written: str, said: str
) -> None:
    (tmp_path / "config.json").write_text(written)
    with pytest.raises(Impossible, match=said) as error:
        shape_of(str(tmp_path))
    assert str(tmp_path / "config.json") in str(error.value)


def test_weights_that_cannot_be_counted_are_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1")
    with pytest.raises(Impossible, match=r"can't be counted: .*; is it whole"):
        shape_of(str(tmp_path))


def test_a_directory_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(Impossible, match=r"config.json can't be read: No such file"):
        shape_of(str(tmp_path))


@pytest.mark.parametrize("kept", [2, 10, 60, 4000, 9000])
def test_a_gguf_file_that_is_cut_off_is_named(tmp_path: Path, kept: int) -> None:
    file = gguf(tmp_path / "tiny.gguf")
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(Impossible, match="can't be read as GGUF"):
        shape_of(str(file))


def test_another_file_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"PK\x03\x04 and so on, long enough to read a header of")
    with pytest.raises(Impossible, match="does not begin with GGUF"):
        shape_of(str(tmp_path / "model.bin"))


def test_a_gguf_file_of_another_family_is_refused(tmp_path: Path) -> None:
    file = gguf(tmp_path / "tiny.gguf", architecture="mamba")
    with pytest.raises(Impossible, match='architecture "mamba" is not one of'):
        shape_of(str(file))


@pytest.mark.train
def test_what_ggufs_own_library_writes_is_read(tmp_path: Path) -> None:
    import numpy as np
    from gguf import GGUFWriter

    writer = GGUFWriter(tmp_path / "tiny.gguf", "qwen2")
    writer.add_block_count(1)
    writer.add_embedding_length(32)
    writer.add_feed_forward_length(64)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_token_list([f"t{at}" for at in range(100)])
    for name, size in {"token_embd.weight": (100, 32), "blk.0.attn_q.bias": (32,)}.items():
        writer.add_tensor(name, np.zeros(size, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    shape = shape_of(str(tmp_path / "tiny.gguf"))
    assert shape == Shape(
        name=str(tmp_path / "tiny.gguf"),
        family="qwen2",
        layers=1,
        hidden=32,
        intermediate=64,
        heads=2,
        kv_heads=1,
        head_size=16,
        vocabulary=100,
        tied=True,
        attention_bias=True,
        parameters=3232,
    )
