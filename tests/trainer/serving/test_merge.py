"""An adapter in its base is what the two were together."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.tinymodel import make_model
from trainer.base import as_dense
from trainer.serving.merge import is_plain, main, merge, pairs_of, scale_of

PLAIN = {"peft_type": "LORA", "bias": "none", "r": 4, "lora_alpha": 8}


def test_only_a_plain_adapter_is_merged_by_files() -> None:
    assert is_plain(PLAIN)
    assert not is_plain(PLAIN | {"use_dora": True})
    assert not is_plain(PLAIN | {"modules_to_save": ["lm_head"]})
    assert not is_plain(PLAIN | {"rank_pattern": {"q_proj": 8}})
    assert not is_plain(PLAIN | {"peft_type": "IA3"})


def test_factors_go_together_by_the_name_of_their_weight() -> None:
    name = "base_model.model.model.layers.0.self_attn.q_proj"
    pairs = pairs_of({f"{name}.lora_A.weight": "a", f"{name}.lora_B.weight": "b"})
    assert pairs == {"model.layers.0.self_attn.q_proj.weight": ("a", "b")}
    assert pairs_of({f"{name}.lora_A.weight": "a"}) is None
    assert pairs_of({f"{name}.lora_magnitude_vector": "a"}) is None


def test_the_scale() -> None:
    assert scale_of(PLAIN) == 2.0
    assert scale_of(PLAIN | {"use_rslora": True}) == 4.0


def make_adapter(base: Path, folder: Path, **config: Any) -> Path:
    """Write an adapter with random factors, and the tokenizer as training does."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    settings = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear", "task_type": "CAUSAL_LM"}
    adapted = get_peft_model(model, LoraConfig(**settings, **config))
    torch.manual_seed(3)
    with torch.no_grad():
        for name, weights in adapted.named_parameters():
            if "lora_" in name:
                weights.normal_(0, 0.1)
    adapted.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        if (base / name).exists():
            shutil.copyfile(base / name, folder / name)
    return folder


def logits(base: Path, adapter: Path | None = None) -> Any:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, str(adapter))
    with torch.no_grad():
        return model.eval()(torch.arange(2, 40)[None]).logits


def close(one: Any, two: Any) -> bool:
    import torch

    return bool(torch.allclose(one, two, atol=1e-4))


@pytest.mark.train
@pytest.mark.parametrize("parts", [1, 3])
def test_merging_changes_nothing_about_the_answers(tmp_path: Path, parts: int) -> None:
    from transformers import AutoModelForCausalLM

    base = make_model(tmp_path / "base")
    if parts > 1:
        size = (base / "model.safetensors").stat().st_size // parts
        model = AutoModelForCausalLM.from_pretrained(base)
        (base / "model.safetensors").unlink()
        model.save_pretrained(base, max_shard_size=size)
        assert len(list(base.glob("model-*.safetensors"))) > 1
    adapter = make_adapter(base, tmp_path / "adapter")
    assert main([str(base), str(adapter), str(tmp_path / "merged")]) == 0
    merged = logits(tmp_path / "merged")
    assert close(merged, logits(base, adapter))
    assert not close(merged, logits(base))
    assert (tmp_path / "merged" / "tokenizer.json").exists()


@pytest.mark.train
def test_an_adapter_of_another_kind_is_merged_by_peft(tmp_path: Path) -> None:
    base = make_model(tmp_path / "base")
    adapter = make_adapter(base, tmp_path / "adapter", use_dora=True)
    merge(str(base), adapter, tmp_path / "merged")
    assert close(logits(tmp_path / "merged"), logits(base, adapter))


@pytest.mark.train
def test_the_precision_of_the_base_is_kept(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    base = make_model(tmp_path / "base")
    adapter = make_adapter(base, tmp_path / "adapter")
    file = base / "model.safetensors"
    half = {name: each.bfloat16() for name, each in load_file(file).items()}
    save_file(half, file, metadata={"format": "pt"})
    merge(str(base), adapter, tmp_path / "merged")
    merged = load_file(tmp_path / "merged" / "model.safetensors")
    assert {each.dtype for each in merged.values()} == {torch.bfloat16}
    name = "model.layers.0.mlp.up_proj.weight"
    assert not torch.equal(merged[name], half[name])


@pytest.mark.train
def test_a_base_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps(PLAIN))
    command = [sys.executable, "-m", "trainer.serving.merge"]
    given = [str(tmp_path / "none"), str(tmp_path), str(tmp_path / "merged")]
    done = subprocess.run([*command, *given], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert (
        done.stderr.splitlines()[-1] == f"there is no model at {tmp_path / 'none'}; see train.model"
    )


@pytest.mark.train
def test_the_mark_of_a_gguf_file_is_taken_off(tmp_path: Path) -> None:
    """transformers marks what it unpacked from a GGUF file, and then refuses to save it."""
    from transformers import AutoModelForCausalLM
    from transformers.quantizers.quantizer_gguf import GgufHfQuantizer
    from transformers.utils.quantization_config import GgufConfig

    base = make_model(tmp_path / "base")
    model = AutoModelForCausalLM.from_pretrained(base)
    model.hf_quantizer = GgufHfQuantizer(GgufConfig())
    model.is_quantized = True
    model.config.quantization_config = GgufConfig()
    with pytest.raises(ValueError, match="not serializable"):
        model.save_pretrained(tmp_path / "refused")
    as_dense(model).save_pretrained(tmp_path / "saved")
    assert close(logits(tmp_path / "saved"), logits(base))
