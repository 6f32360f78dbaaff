"""The machines that train: those of the settings, or this one with what it has."""

from __future__ import annotations

import os
import shutil
import subprocess

from schemas.settings import Host, Settings

THIS_MACHINE = "here"
"""The name of this machine in plans and logs, where no host is configured."""

_PATIENCE = 30.0


def hosts_of(settings: Settings) -> tuple[Host, ...]:
    """Return the configured hosts, or this machine."""
    if settings.hosts:
        return settings.hosts
    return (here(memory_bytes(), gpus()).model_copy(update={"folder": _folder(settings)}),)


def here(memory: int, gpus: list[int | None]) -> Host:
    """Return this machine as a host.

    Args:
        memory: the bytes of memory it has.
        gpus: the bytes of each GPU's own memory, None for one that shares the machine's.
    """
    if not gpus:
        return Host(name=THIS_MACHINE, accelerator="cpu", memory=memory / 1e9)
    own = [each for each in gpus if each is not None]
    if len(own) < len(gpus):
        return Host(name=THIS_MACHINE, devices=len(gpus), memory=memory / 1e9)
    return Host(
        name=THIS_MACHINE,
        devices=len(gpus),
        memory=min(own) / 1e9,
        unified=False,
        host_memory=memory / 1e9,
    )


def memory_bytes() -> int:
    """Return how much memory this machine has."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def gpus() -> list[int | None]:
    """Return the bytes of each NVIDIA GPU here, as `nvidia-smi` says them; none without it.

    A GPU that shares the machine's memory says "[N/A]" there.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        told = subprocess.run(
            [program, "--query-gpu=memory.total", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [_bytes(line) for line in told.splitlines() if line.strip()]


def _bytes(mebibytes: str) -> int | None:
    return int(mebibytes) * 1024 * 1024 if mebibytes.strip().isdigit() else None


def _folder(settings: Settings) -> object:
    return settings.paths.home / "training"
