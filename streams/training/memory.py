"""Whether a host has the memory that a run needs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from schemas.settings import Host

GB: Final = 1e9

LOOK: Final = (
    "nvidia-smi --query-gpu=memory.free --format=csv,noheader,nounits 2>/dev/null "
    "| sed 's/^/gpu: /'; cat /proc/meminfo 2>/dev/null || vm_stat"
)
"""What a host's shell is asked: the free memory of each GPU in MiB, and what the system says of
its own, as Linux or macOS puts it."""

_MAC_FREE = ("free", "inactive", "speculative", "purgeable")


@dataclass(frozen=True, slots=True)
class Memory:
    """Free memory in GB: of each GPU that has its own (DGX Spark's says ``[N/A]``), and what the
    system could give without swapping, None where that is not told."""

    gpus: tuple[float, ...]
    system: float | None


def read_memory(printed: str) -> Memory:
    """Read what a host answers to `LOOK`."""
    gpus = tuple(
        int(mib) * 1024**2 / GB for mib in re.findall(r"^gpu: (\d+)\s*$", printed, re.MULTILINE)
    )
    linux = re.search(r"^MemAvailable:\s+(\d+) kB", printed, re.MULTILINE)
    if linux is not None:
        return Memory(gpus, int(linux[1]) * 1024 / GB)
    page = re.search(r"page size of (\d+) bytes", printed)
    if page is None:
        return Memory(gpus, None)
    pages = dict(re.findall(r"^Pages (\w+):\s+(\d+)\.", printed, re.MULTILINE))
    free = sum(int(pages.get(kind, 0)) for kind in _MAC_FREE)
    return Memory(gpus, free * int(page[1]) / GB)


def short(host: Host, memory: Memory, needed: float) -> str:
    """Return in a few words what is missing on a host, "" where a run may begin.

    Args:
        host: whose GPUs have memory of their own, or share the system's.
        memory: what is free there.
        needed: GB that must be free, of each GPU or of the shared memory.
    """
    if host.accelerator == "cuda" and not host.unified:
        free = sorted(memory.gpus, reverse=True)[: host.devices]
        if len(free) < host.devices:
            return f"nvidia-smi tells the memory of {len(free)} of {host.devices} GPUs"
        if free[-1] < needed:
            return f"{free[-1]:.1f} of {needed:.1f} GB are free on a GPU"
        return ""
    if memory.system is None:
        return "it does not say how much memory is free"
    if memory.system < needed:
        return f"{memory.system:.1f} of {needed:.1f} GB are free"
    return ""
