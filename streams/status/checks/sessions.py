"""Checks of what is to be read: OpenClaw's directories, and the kernel's watches on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from streams.settings.openclaw import contents
from streams.status.checks.finding import Finding

WATCHES = Path("/proc/sys/fs/inotify/max_user_watches")
INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")


def openclaw(directories: Sequence[Path]) -> Iterator[Finding]:
    """Check that OpenClaw's state directories are there and can be read."""
    for directory in directories:
        if not directory.is_dir():
            yield Finding(
                "warning",
                "openclaw",
                f"{directory} is not there; it is waited for",
                "start OpenClaw once, or set openclaw in [paths]",
            )
            continue
        found = contents(directory)
        agents = ", ".join(f"{name} {count}" for name, count in found.transcripts.items())
        if found.total:
            yield Finding("ok", "openclaw", f"{directory}: {found.total} session files ({agents})")
        else:
            yield Finding(
                "ok" if found.databases else "warning",
                "openclaw",
                f"{directory}: no session files yet",
                "" if found.databases else "is this OpenClaw's state directory?",
            )
        for place in found.unreadable:
            yield Finding(
                "problem",
                "openclaw",
                f"{place} may not be read",
                "run as the user OpenClaw runs as",
            )
        for database in found.databases:
            yield Finding(
                "warning",
                "openclaw",
                f"{database} holds sessions in SQLite (OpenClaw 2026.7.2 and later), "
                "which this version does not read yet",
                "only session files (*.jsonl) are followed; newer sessions of this agent are not",
            )


def watches(directories: Sequence[Path], watches: Path = WATCHES) -> Iterator[Finding]:
    """Check that the kernel lets directories be watched (Linux)."""
    try:
        limit = int(watches.read_text(encoding="ascii"))
        instances = int(watches.with_name(INSTANCES.name).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return
    needed = sum(1 + sum(1 for _ in path.glob("agents/*/sessions")) for path in directories)
    message = f"{limit:,} directories can be watched by {instances:,} programs"
    if limit < max(100, 4 * needed) or instances < 16:
        yield Finding(
            "warning",
            "inotify",
            message,
            "raise fs.inotify.max_user_watches and max_user_instances with sysctl; "
            "until then new lines are found by rescans only",
        )
    else:
        yield Finding("ok", "inotify", message)
