"""Which processes stand below one."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterable
from contextlib import suppress


def below(pid: int) -> set[tuple[int, int]]:
    """Return a process's descendants as they are now, each with its process group; none where
    there is no ``ps``."""
    try:
        listed = subprocess.run(
            ["ps", "-A", "-o", "pid=,ppid=,pgid="], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return set()
    rows = [tuple(map(int, line.split())) for line in listed.stdout.splitlines() if line.strip()]
    return descendants(pid, rows)


def descendants(pid: int, rows: Iterable[tuple[int, ...]]) -> set[tuple[int, int]]:
    """Return pid and group of all that stand below `pid` in rows of pid, parent and group."""
    rows = list(rows)
    found: set[tuple[int, int]] = set()
    parents = {pid}
    while parents:
        children = {(row[0], row[2]) for row in rows if row[1] in parents} - found
        found |= children
        parents = {child for child, _ in children}
    return found


def kill(seen: Iterable[tuple[int, int]]) -> None:
    """Kill those of the processes that are still the ones that were seen."""
    for pid, group in seen:
        with suppress(ProcessLookupError):
            if os.getpgid(pid) == group:
                os.kill(pid, signal.SIGKILL)
