"""What was cleared away on hosts for a run, on disk, so that a crash does not make it stay away."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from schemas.settings import Host
from trainer.launch.launch import Node
from trainer.launch.process import ran
from trainer.launch.reach import script_on_node

CONNECTING = 10.0
RESTORING = 600.0
"""Seconds that a `restore` may take."""

logger = logging.getLogger(__name__)


class Cleared(BaseModel):
    """Hosts whose `free` was run or about to be, with the command that undoes it."""

    model_config = ConfigDict(frozen=True)

    run: str
    hosts: tuple[Host, ...]


def note(home: Path, run: str, hosts: tuple[Host, ...]) -> None:
    """Write down which hosts are about to be cleared, beside those that still are.

    Raises:
        OSError: the home can't be written.
    """
    before = noted(home)
    names = {host.name for host in hosts}
    left = tuple(host for host in before.hosts if host.name not in names) if before else ()
    _write(home, Cleared(run=run, hosts=hosts + left))


def noted(home: Path) -> Cleared | None:
    """Return what is still cleared away, None where all is as it was."""
    try:
        return Cleared.model_validate_json(_path(home).read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        logger.warning("%s can't be read, nothing is restored: %s", _path(home), error)
        return None


def _write(home: Path, cleared: Cleared) -> None:
    path = _path(home)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(cleared.model_dump_json(), encoding="utf-8")
    os.replace(temporary, path)


async def restore(home: Path) -> list[str]:
    """Run the `restore` of each host that was cleared, and forget those where it worked.

    Returns:
        A line for each host, on how that went.
    """
    cleared = noted(home)
    if cleared is None:
        return []
    lines, left = [], []
    for host in cleared.hosts:
        failure = await command(host, host.restore, RESTORING) if host.restore else ""
        if failure:
            left.append(host)
            lines.append(f"{host.name}: restore failed, it will be tried again: {failure}")
        else:
            lines.append(f"{host.name} is as it was before run {cleared.run[:8]}")
    if left:
        _write(home, Cleared(run=cleared.run, hosts=tuple(left)))
    else:
        _path(home).unlink(missing_ok=True)
    return lines


async def command(host: Host, script: str, seconds: float) -> str:
    """Have a host's shell run a command; return why it failed, "" if it did not."""
    try:
        done = await ran(script_on_node(node_of(host), script, CONNECTING), seconds)
    except TimeoutError:
        return f"`{script}` took longer than {seconds:.0f} s"
    except OSError as error:
        return f"{error.filename} can't be run: {error.strerror}"
    return f"`{script}` ended with {done.code}: {done.last}" if done.code else ""


def node_of(host: Host) -> Node:
    """Return a host as commands reach it."""
    return Node(name=host.name, address=host.address, python="python3", folder=str(host.folder))


def _path(home: Path) -> Path:
    return home / "handover" / "cleared.json"
