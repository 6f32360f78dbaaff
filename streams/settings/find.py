"""Where the settings file is."""

from __future__ import annotations

import os
from pathlib import Path

CONFIG = "CLAWBACK_CONFIG"
"""The environment variable that names the file. Set but empty: there is none, only defaults."""

NAME = "clawback.toml"


class MissingFile(Exception):
    """The file that was asked for by name is not there."""


def home_file() -> Path:
    """Where the file belongs that `clawback` finds from every directory."""
    return Path("~/.clawback").expanduser() / NAME


def find(explicit: Path | None = None) -> Path | None:
    """Return the settings file, or None where the defaults alone hold.

    It is the one named by `explicit`, else by ``$CLAWBACK_CONFIG``, else ``./clawback.toml``, else
    ``~/.clawback/clawback.toml``.

    Raises:
        MissingFile: a file was named, by argument or environment, and is not there.
    """
    if explicit is not None:
        return _named(explicit, "--config")
    named = os.environ.get(CONFIG)
    if named is not None:
        return _named(Path(named), f"${CONFIG}") if named else None
    for candidate in (Path(NAME), home_file()):
        if candidate.is_file():
            return candidate.absolute()
    return None


def _named(path: Path, by: str) -> Path:
    path = path.expanduser().absolute()
    if not path.is_file():
        raise MissingFile(f"{by} names {path}, which is not there; `clawback init` writes one")
    return path
