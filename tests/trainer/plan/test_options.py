"""A wish that does not fit is answered with settings that do."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from schemas.settings import Host, Settings
from trainer.plan.machine import hosts_of
from trainer.plan.planner import plan
from trainer.plan.plans import Impossible, Plan
from trainer.plan.read import shape_of

SPARKS = [{"name": "spark1", "address": "me@spark1"}, {"name": "spark2", "address": "me@spark2"}]
DESKTOP = {"name": "desk", "memory": 24, "unified": False, "host_memory": 64}


def planned(train: dict[str, Any], hosts: list[dict[str, Any]]) -> Plan:
    settings = Settings(train=train, hosts=hosts)
    return plan(settings, shape_of(settings.train.model), hosts_of(settings))


def titles(found: Plan) -> list[str]:
    return [option.title for option in found.options]


@pytest.mark.parametrize(
    ("train", "hosts"),
    [
        ({"tuning": "full"}, SPARKS),
        ({"tuning": "full", "max_length": 32768}, SPARKS),
        ({"tuning": "full", "method": "kto"}, SPARKS[:1]),
        ({"tuning": "lora", "backend": "axolotl"}, SPARKS[:1]),
        ({"tuning": "full", "model": "Qwen/Qwen2.5-7B-Instruct"}, [DESKTOP]),
        (
            {"tuning": "full", "model": "Qwen/Qwen2.5-7B-Instruct"},
            [DESKTOP | {"host_memory": 0, "devices": 2}],
        ),
        ({"tuning": "lora", "model": "Qwen/Qwen2.5-32B-Instruct"}, [DESKTOP]),
        (
            {"tuning": "full", "model": "Qwen/Qwen2.5-3B-Instruct", "max_length": 4096},
            [{"name": "mini", "memory": 48, "accelerator": "cpu"}],
        ),
        (
            {
                "tuning": "lora",
                "model": "Qwen/Qwen2.5-3B-Instruct",
                "max_length": 131072,
                "lora": {"rank": 64},
                "min_between": "1h",
                "window": "01:00-06:00",
            },
            [DESKTOP],
        ),
    ],
)
def test_every_option_fits_when_its_settings_are_pasted(
    train: dict[str, Any], hosts: list[dict[str, Any]]
) -> None:
    wish = planned(train, hosts)
    assert not wish.fits
    assert wish.options
    for option in wish.options:
        pasted = tomllib.loads(option.settings)
        assert set(pasted) <= {"train", "hosts"}
        again = planned(pasted["train"], pasted.get("hosts", hosts))
        assert again.fits, option.title
        assert again.sentence
        kept = set(train) - {"tuning", "max_length"}
        assert {key: pasted["train"][key] for key in kept if key != "min_between"} == {
            key: train[key] for key in kept if key != "min_between"
        }


def test_full_tuning_of_72b_on_two_sparks_does_not_fit_and_says_what_does() -> None:
    found = planned({"tuning": "full"}, SPARKS)
    assert not found.fits
    assert "does not fit" in found.sentence
    state = [share.takes["memory"] for share in found.nodes[0].shares[:3]]
    assert sum(state) / 1e9 == pytest.approx(582, abs=1)
    assert [title.split(",")[0].split(" with")[0] for title in titles(found)] == [
        "All weights",
        "LoRA",
        "QLoRA",
    ]
    assert "NVMe" in titles(found)[0]
    assert "hosts like spark1" in found.notes[0]


def test_lora_and_qlora_of_72b_fit_on_two_sparks_as_they_are() -> None:
    for tuning in ("lora", "qlora"):
        found = planned({"tuning": tuning}, SPARKS)
        assert found.fits
        assert found.options == ()
        assert "fits" in found.sentence


def test_memory_beside_the_gpu_wins_nothing_where_it_is_shared() -> None:
    sparks = [spark | {"host_memory": 1000} for spark in SPARKS]
    found = planned({"tuning": "full"}, sparks)
    assert not found.fits
    assert found.layout.offload == "none"
    assert not any("beside" in title for title in titles(found))


def test_what_is_beside_a_gpu_is_used_before_a_disk() -> None:
    disk = {"nvme": "/disk", "nvme_free": 1000}
    train = {"tuning": "full", "model": "Qwen/Qwen2.5-1.5B-Instruct"}
    assert planned(train, [DESKTOP | disk]).layout.offload == "optimizer to cpu"
    assert planned(train, [DESKTOP | disk | {"host_memory": 0}]).layout.offload == (
        "optimizer to nvme"
    )


def test_a_disk_that_is_too_small_is_not_counted_on() -> None:
    sparks = [spark | {"nvme": "/disk", "nvme_free": 100} for spark in SPARKS]
    found = planned({"tuning": "full"}, sparks)
    assert not found.fits
    assert 'nvme = "/disk"' in found.options[0].settings
    assert "# a directory" not in found.options[0].settings


def test_with_a_disk_all_weights_of_72b_can_be_trained() -> None:
    sparks = [spark | {"nvme": "/disk", "nvme_free": 900} for spark in SPARKS]
    found = planned({"tuning": "full"}, sparks)
    assert found.fits
    assert found.layout.offload == "all to nvme"
    assert any("host's disk" in note for note in found.notes)
    assert any("have not tried it" in note for note in found.notes)


@pytest.mark.parametrize(
    ("model", "backend", "whole"),
    [("72B", "axolotl", False), ("7B", "axolotl", True), ("72B", "trl", True)],
)
def test_axolotl_saves_only_what_one_host_can_hold(model: str, backend: str, whole: bool) -> None:
    sparks = [spark | {"nvme": "/disk", "nvme_free": 900} for spark in SPARKS]
    name = f"Qwen/Qwen2.5-{model}-Instruct"
    found = planned({"tuning": "full", "model": name, "backend": backend}, sparks)
    assert found.deepspeed is not None
    zero = found.deepspeed["zero_optimization"]
    assert zero["stage3_gather_16bit_weights_on_model_save"] is whole
    assert any("zero_to_fp32.py" in note for note in found.notes) is (found.fits and not whole)


def test_kto_takes_two_rows_at_once_and_never_one() -> None:
    for batch, rows in ((16, 16), (1, 4), (7, 4)):
        found = planned({"tuning": "lora", "method": "kto", "batch": batch}, SPARKS)
        layout = found.layout
        assert layout.rows >= 2
        assert layout.ranks * layout.rows * layout.accumulation == rows


def test_what_must_be_free_is_what_is_needed() -> None:
    assert planned({"tuning": "lora"}, SPARKS).rooms == {
        "spark1": pytest.approx(98, abs=1),
        "spark2": pytest.approx(98, abs=1),
    }
    small = planned({"tuning": "qlora", "model": "Qwen/Qwen2.5-7B-Instruct"}, [DESKTOP])
    assert small.rooms == {"desk": small.nodes[0].pools["gpu"][0] / 1e9}


def test_more_rows_at_once_are_taken_only_where_there_is_much_room() -> None:
    small = planned({"tuning": "lora", "model": "Qwen/Qwen2.5-0.5B-Instruct"}, SPARKS)
    large = planned({"tuning": "lora"}, SPARKS)
    assert (small.layout.rows, small.layout.accumulation) == (8, 1)
    assert (large.layout.rows, large.layout.accumulation) == (1, 8)


def test_a_batch_that_devices_cannot_share_is_said() -> None:
    three = [*SPARKS, {"name": "spark3", "address": "me@spark3"}]
    found = planned({"tuning": "qlora"}, three)
    rows = found.layout.ranks * found.layout.rows * found.layout.accumulation
    assert rows == 15
    assert any("15 rows and not from 16" in note for note in found.notes)


def test_the_host_that_lacks_most_is_named() -> None:
    found = planned({"tuning": "full"}, [SPARKS[0], SPARKS[1] | {"memory": 64}])
    assert "on spark2" in found.sentence


@pytest.mark.parametrize(
    ("train", "hosts", "said"),
    [
        ({}, [SPARKS[0], {"name": "mini", "accelerator": "cpu"}], "can't be one run"),
        ({"tuning": "qlora"}, [{"name": "mini", "accelerator": "cpu"}], "needs a GPU"),
        ({}, [SPARKS[0] | {"nvme": "/a"}, SPARKS[1] | {"nvme": "/b"}], "same directory"),
    ],
)
def test_what_no_memory_would_mend_is_refused(
    train: dict[str, Any], hosts: list[dict[str, Any]], said: str
) -> None:
    with pytest.raises(Impossible, match=said):
        planned(train, hosts)


def test_where_nothing_fits_nothing_is_offered() -> None:
    host = Host(name="tiny", memory=2, accelerator="cpu").model_dump()
    found = planned({"tuning": "full"}, [host])
    assert not found.fits
    assert found.options == ()
