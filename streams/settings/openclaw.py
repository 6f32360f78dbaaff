"""Where OpenClaw keeps its state on this machine, and what there is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from streams.tail.names import parse

DEFAULT = Path("~/.openclaw")
_NAMED_BY = ("OPENCLAW_STATE_DIR", "CLAWDBOT_STATE_DIR")
_FORMER = ("~/.clawdbot", "~/.moldbot", "~/.moltbot")


@dataclass(frozen=True, slots=True)
class Contents:
    """What a state directory holds: session files by agent, and newer SQLite session stores."""

    transcripts: dict[str, int]
    databases: tuple[Path, ...]
    unreadable: tuple[Path, ...]

    @property
    def total(self) -> int:
        """All session files."""
        return sum(self.transcripts.values())


def state_directories() -> list[Path]:
    """Return OpenClaw's state directory as OpenClaw itself would choose it, or nothing."""
    for name in _NAMED_BY:
        if os.environ.get(name):
            path = Path(os.environ[name]).expanduser()
            return [path] if path.is_dir() else []
    for candidate in (DEFAULT, *map(Path, _FORMER)):
        if candidate.expanduser().is_dir():
            return [candidate.expanduser()]
    return []


def contents(directory: Path) -> Contents:
    """Look through a state directory. What may not be read is named, not an error."""
    transcripts: dict[str, int] = {}
    databases: list[Path] = []
    unreadable: list[Path] = []
    agents = _entries(directory / "agents", unreadable)
    for agent in agents:
        names = [path.name for path in _entries(agent / "sessions", unreadable)]
        count = sum(1 for name in names if parse(name) is not None)
        if count:
            transcripts[agent.name] = count
        database = agent / "agent" / "openclaw-agent.sqlite"
        if database.exists():
            databases.append(database)
    return Contents(transcripts, tuple(databases), tuple(unreadable))


def describe(directory: Path) -> str:
    """Return one line about a state directory."""
    found = contents(directory)
    agents = len(found.transcripts)
    text = f"{directory}: {found.total} session files of {agents} agent{'s' if agents != 1 else ''}"
    if found.databases:
        text += f", and {len(found.databases)} SQLite session stores, which are not read yet"
    return text


def _entries(directory: Path, unreadable: list[Path]) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError:
        unreadable.append(directory)
        return []
