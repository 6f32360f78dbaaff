"""Memory and processor time of processes: from /proc, or from `ps` where there is none (macOS)."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TIME = re.compile(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Usage:
    """Resident bytes, and the seconds of processor time used since the process began."""

    resident: int
    cpu_seconds: float


def usage(pids: Iterable[int]) -> dict[int, Usage]:
    """Return the usage of those of the processes that are there."""
    wanted = list(pids)
    if (_PROC / "self" / "stat").exists():
        found = {pid: _from_proc(pid) for pid in wanted}
        return {pid: used for pid, used in found.items() if used is not None}
    return _from_ps(wanted)


def _from_proc(pid: int) -> Usage | None:
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        pages = (_PROC / str(pid) / "statm").read_text(encoding="ascii").split()[1]
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return None
    # The name in brackets may hold anything, so count from its end: utime and stime.
    fields = stat.rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return Usage(int(pages) * os.sysconf("SC_PAGE_SIZE"), ticks / os.sysconf("SC_CLK_TCK"))


def _from_ps(pids: list[int]) -> dict[int, Usage]:
    if not pids:
        return {}
    listing = subprocess.run(
        ["ps", "-o", "pid=,rss=,time=", "-p", ",".join(map(str, pids))],
        capture_output=True,
        text=True,
        check=False,
    )
    return parse_ps(listing.stdout)


def parse_ps(listing: str) -> dict[int, Usage]:
    """Read what ``ps -o pid=,rss=,time=`` prints: kilobytes, and [[days-]hours:]minutes:seconds."""
    found = {}
    for line in listing.splitlines():
        pid, resident, time = line.split()
        match = _TIME.fullmatch(time)
        if match is not None:
            days, hours, minutes = (int(part or 0) for part in match.groups()[:3])
            seconds = ((days * 24 + hours) * 60 + minutes) * 60 + float(match[4])
            found[int(pid)] = Usage(int(resident) * 1024, seconds)
    return found
