"""A plan becomes what every rank is told."""

from __future__ import annotations

from pathlib import Path

from schemas.settings import Settings
from trainer.plan.jobs import job_of
from trainer.plan.machine import hosts_of
from trainer.plan.planner import plan
from trainer.plan.plans import Plan
from trainer.plan.read import shape_of

SPARKS = [{"name": "spark1", "address": "me@spark1"}, {"name": "spark2", "address": "me@spark2"}]


def planned(settings: Settings) -> Plan:
    return plan(settings, shape_of(settings.train.model), hosts_of(settings))


def test_a_batch_is_shared_by_rows_passes_and_ranks() -> None:
    settings = Settings(train={"model": "Qwen/Qwen2.5-7B-Instruct", "batch": 32}, hosts=SPARKS)
    job = job_of(planned(settings), settings, "r1", Path("/s"), Path("/o"))
    assert job.rows_per_device * job.accumulation * 2 == 32
    assert (job.run, job.snapshot, job.output) == ("r1", Path("/s"), Path("/o"))
    assert job.model == "Qwen/Qwen2.5-7B-Instruct"


def test_two_gpus_train_with_zero_3_and_a_base_of_4_bits_without() -> None:
    for tuning, stage in (("lora", 3), ("full", 3), ("qlora", None)):
        settings = Settings(
            train={"tuning": tuning, "model": "Qwen/Qwen2.5-7B-Instruct"}, hosts=SPARKS
        )
        job = job_of(planned(settings), settings, "r", Path("/s"), Path("/o"))
        assert job.tuning == tuning
        assert job.precision == "bf16"
        found = job.deepspeed and job.deepspeed["zero_optimization"]["stage"]
        assert found == stage


def test_a_cpu_trains_in_fp32_and_alone_without_zero() -> None:
    for devices, zero in ((1, False), (2, True)):
        host = {"name": "mini", "accelerator": "cpu", "memory": 24, "devices": devices}
        settings = Settings(
            train={"model": "HuggingFaceTB/SmolLM2-135M-Instruct", "tuning": "full"}, hosts=[host]
        )
        job = job_of(planned(settings), settings, "r", Path("/s"), Path("/o"))
        assert (job.precision, job.accelerator) == ("fp32", "cpu")
        assert (job.deepspeed is not None) == zero
        if job.deepspeed:
            assert job.deepspeed["zero_optimization"]["overlap_comm"] is False
            assert job.deepspeed["bf16"] == {"enabled": False}


def test_what_the_settings_say_is_passed_on() -> None:
    settings = Settings(
        train={
            "method": "kto",
            "epochs": 2,
            "max_steps": 7,
            "learning_rate": 1e-5,
            "beta": 0.2,
            "seed": 3,
            "save_steps": 9,
            "keep_checkpoints": 1,
            "max_length": 1024,
            "lora": {"rank": 8, "alpha": 4, "dropout": 0.1},
        },
        hosts=SPARKS,
    )
    job = job_of(planned(settings), settings, "r", Path("/s"), Path("/o"))
    assert (job.method, job.epochs, job.max_steps) == ("kto", 2, 7)
    assert (job.learning_rate, job.beta, job.seed) == (1e-5, 0.2, 3)
    assert (job.save_steps, job.keep_checkpoints, job.max_length) == (9, 1, 1024)
    assert (job.lora_rank, job.lora_alpha, job.lora_dropout) == (8, 4, 0.1)


def test_a_plan_is_read_back_as_it_was_written() -> None:
    made = planned(Settings(train={"tuning": "full"}, hosts=SPARKS))
    assert Plan.model_validate_json(made.model_dump_json()) == made
