"""A run that is killed goes on where its last whole checkpoint is, as if nothing had been."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.tinymodel import make_job, zero3

from .conftest import Trained, start

pytestmark = pytest.mark.train


def same_weights(one: Trained, other: Trained) -> bool:
    from safetensors.torch import load_file

    first = load_file(one.output / "model/model.safetensors")
    second = load_file(other.output / "model/model.safetensors")
    return first.keys() == second.keys() and all(first[name].equal(second[name]) for name in first)


def checkpoints(run: Trained) -> list[str]:
    return sorted(path.name for path in (run.output / "checkpoints").glob("checkpoint-*"))


def test_one_process_killed_twice(tmp_path: Path, base: Path, snapshot: Path) -> None:
    changes = {"max_steps": 6, "gradient_checkpointing": True, "lora_dropout": 0.1}
    whole = start(make_job(base, snapshot, tmp_path / "whole" / "run", **changes))
    job = make_job(base, snapshot, tmp_path / "killed" / "run", **changes)

    killed = start(job, die="step:3")
    assert killed.code == -9
    assert [step for step, _ in killed.losses] == [1, 2, 3]
    assert checkpoints(killed) == ["checkpoint-2"]
    reference = (killed.output / "reference.npz").stat().st_mtime_ns

    # All files of checkpoint 4 are there; only the mark is not.
    killed = start(job, die="save:4")
    assert checkpoints(killed) == ["checkpoint-2", "checkpoint-4"]
    assert (killed.output / "reference.npz").stat().st_mtime_ns == reference
    with (killed.output / "metrics.jsonl").open("a") as file:
        file.write('{"step": 5, "lo')

    done = start(job)
    assert done.losses == whole.losses
    assert [step for step, _ in done.losses] == [1, 2, 3, 4, 5, 6]
    assert same_weights(done, whole)
    assert done.json("done.json")["loss"] == whole.json("done.json")["loss"]


def test_zero_3_divides_the_weights_and_goes_on_after_a_kill(
    tmp_path: Path, base: Path, snapshot: Path
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    changes = {"max_steps": 4, "precision": "bf16", "rows_per_device": 2, "deepspeed": zero3()}
    whole = start(make_job(base, snapshot, tmp_path / "whole" / "run", **changes), ranks=2)
    job = make_job(base, snapshot, tmp_path / "killed" / "run", **changes)

    killed = start(job, ranks=2, die="step:3")
    assert killed.code != 0
    assert checkpoints(killed) == ["checkpoint-2"]
    total = sum(each.numel() for each in AutoModelForCausalLM.from_pretrained(base).parameters())
    shares = []
    for rank in (0, 1):
        (file,) = (killed.output / "checkpoints").rglob(f"*zero_pp_rank_{rank}_*optim_states.pt")
        state = torch.load(file, weights_only=False)["optimizer_state_dict"]
        assert state["zero_stage"] == 3
        shares.append(sum(group.numel() for group in state["fp32_flat_groups"]))
    # Each rank holds one half; what can't be halved is filled up by less than one weight each.
    assert shares[0] == shares[1]
    assert total <= sum(shares) < total * 1.01
    # The weights are in these files, and not a second time beside them.
    assert not list((killed.output / "checkpoints").rglob("*.safetensors"))

    done = start(job, ranks=2)
    assert done.losses == whole.losses
    assert [step for step, _ in done.losses] == [1, 2, 3, 4]
    assert same_weights(done, whole)
    loaded = AutoModelForCausalLM.from_pretrained(done.output / "model")
    assert loaded.dtype == torch.bfloat16


def test_two_processes_without_deepspeed_train_an_adapter(
    tmp_path: Path, base: Path, snapshot: Path
) -> None:
    job = make_job(base, snapshot, tmp_path / "run", tuning="lora", method="kto", max_steps=2)
    done = start(job, ranks=2)
    assert [step for step, _ in done.losses] == [1, 2]
    assert (done.output / "model/adapter_model.safetensors").exists()
