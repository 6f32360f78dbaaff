"""A job in axolotl's words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from trainer.axolotl.configuration import command, configuration, text
from trainer.job import Job

ZERO = {"zero_optimization": {"stage": 3}}


def job(**changes: Any) -> Job:
    given = {
        "run": "r1",
        "method": "dpo",
        "tuning": "lora",
        "model": "Qwen/Qwen2.5-7B-Instruct",
        "snapshot": Path("/snapshot"),
        "output": Path("/run"),
    }
    return Job.model_validate(given | changes)


def test_everything_that_a_job_says_is_said() -> None:
    found = configuration(
        job(
            max_length=1024,
            epochs=2,
            max_steps=7,
            rows_per_device=3,
            accumulation=5,
            learning_rate=1e-5,
            beta=0.2,
            lora_rank=8,
            lora_alpha=4,
            lora_dropout=0.1,
            seed=3,
            save_steps=9,
            keep_checkpoints=4,
            logging_steps=2,
            deepspeed=ZERO,
        )
    )
    assert (found["rl"], found["rl_beta"], found["adapter"]) == ("dpo", 0.2, "lora")
    assert (found["sequence_len"], found["num_epochs"], found["max_steps"]) == (1024, 2, 7)
    assert (found["micro_batch_size"], found["gradient_accumulation_steps"]) == (3, 5)
    assert (found["lora_r"], found["lora_alpha"], found["lora_dropout"]) == (8, 4, 0.1)
    assert (found["learning_rate"], found["seed"], found["save_steps"]) == (1e-5, 3, 9)
    assert (found["save_total_limit"], found["logging_steps"]) == (4, 2)
    assert found["deepspeed"] == "/run/axolotl.zero.json"
    assert found["datasets"][0]["path"] == "/run/axolotl.jsonl"
    assert found["output_dir"] == "/run/checkpoints"


def test_only_qlora_loads_4_bits_and_only_adapters_have_a_rank() -> None:
    assert configuration(job(tuning="qlora"))["load_in_4bit"] is True
    assert configuration(job(tuning="lora"))["load_in_4bit"] is False
    full = configuration(job(tuning="full"))
    assert not {"adapter", "lora_r", "load_in_4bit", "deepspeed"} & full.keys()


def test_fields_are_those_of_the_method() -> None:
    assert configuration(job())["datasets"][0]["type"] == {
        "field_prompt": "prompt",
        "field_chosen": "chosen",
        "field_rejected": "rejected",
    }
    assert configuration(job(method="kto"))["datasets"][0]["type"] == {
        "field_prompt": "prompt",
        "field_completion": "completion",
        "field_label": "label",
    }


def test_kto_weighs_the_rarer_kind_of_answer_up() -> None:
    found = configuration(job(method="kto"), label_weights=(1.0, 3.0))
    assert (found["kto_desirable_weight"], found["kto_undesirable_weight"]) == (1.0, 3.0)
    assert "kto_desirable_weight" not in configuration(job())


def test_several_hosts_cannot_share_what_was_computed_before() -> None:
    assert configuration(job(tuning="full"), hosts=1)["precompute_ref_log_probs"] is True
    assert configuration(job(tuning="full"), hosts=2)["precompute_ref_log_probs"] is False


def test_numbers_stay_numbers_in_yaml() -> None:
    found = configuration(job(learning_rate=5e-6))
    written = text(found, ["axolotl train /run/axolotl.yml"])
    assert yaml.safe_load(written) == found
    assert "# axolotl train /run/axolotl.yml\n" in written


def test_the_command_names_the_host_among_several() -> None:
    config = Path("/run/axolotl.yml")
    assert command(config, 2, 1, 1, "192.168.1.2", 29500) == (
        "axolotl train /run/axolotl.yml --launcher torchrun -- --nnodes 2 --node_rank 1 "
        "--nproc_per_node 1 --master_addr 192.168.1.2 --master_port 29500"
    )
    assert "master" not in command(config, 1, 0, 2, "127.0.0.1", 29500)


@pytest.mark.parametrize("method", ["dpo", "kto"])
@pytest.mark.parametrize("tuning", ["full", "lora", "qlora"])
@pytest.mark.parametrize("zero", [None, ZERO])
def test_axolotls_own_schema_takes_it_and_knows_every_key(
    method: str, tuning: str, zero: dict[str, Any] | None
) -> None:
    schema = pytest.importorskip(
        "axolotl.utils.schemas.config", reason="axolotl is in another Python"
    )
    found = configuration(job(method=method, tuning=tuning, deepspeed=zero, max_steps=5))
    unknown = set(found) - set(schema.AxolotlInputConfig.model_fields)
    assert unknown == set()
    read = schema.AxolotlConfigWCapabilities(
        **found,
        capabilities={"bf16": True, "fp8": False, "n_gpu": 2, "compute_capability": "sm_90"},
        env_capabilities={"torch_version": "2.11.0"},
    )
    assert read.datasets[0].type.field_prompt == "prompt"
