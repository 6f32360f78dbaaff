"""Which machines train, where none is configured."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from schemas.settings import Host, Settings
from trainer.plan.machine import gpus, here, hosts_of, memory_bytes

GB = 10**9


def test_configured_hosts_are_taken_as_they_are() -> None:
    hosts = (Host(name="spark1", address="me@spark1"),)
    assert hosts_of(Settings(hosts=hosts)) == hosts


def test_a_machine_without_a_gpu_trains_on_its_cpu_in_all_its_memory() -> None:
    host = here(24 * GB, [])
    assert (host.accelerator, host.memory, host.unified, host.devices) == ("cpu", 24, True, 1)


def test_a_gpu_with_memory_of_its_own_has_the_machines_beside_it() -> None:
    host = here(64 * GB, [24 * GB, 25 * GB])
    assert (host.accelerator, host.devices, host.unified) == ("cuda", 2, False)
    assert (host.memory, host.host_memory) == (24, 64)


def test_a_gpu_without_memory_of_its_own_shares_the_machines() -> None:
    host = here(128 * GB, [None])
    assert (host.accelerator, host.unified, host.memory) == ("cuda", True, 128)


def test_this_machine_is_asked_for_its_memory() -> None:
    assert memory_bytes() >= os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") > 0


@pytest.mark.parametrize(
    ("told", "found"),
    [("24576", [24576 * 2**20]), ("[N/A]", [None]), ("81920\n81920", [81920 * 2**20] * 2)],
)
def test_gpus_are_read_from_nvidia_smi(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, found: list[int | None]
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\nprintf '%s\\n' '{told}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert gpus() == found


def test_an_nvidia_smi_that_fails_is_no_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'\nexit 9\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert gpus() == []


def test_its_runs_lie_below_the_home() -> None:
    settings = Settings()
    assert hosts_of(settings)[0].folder == settings.paths.home / "training"
