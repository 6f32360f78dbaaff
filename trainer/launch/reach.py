"""Running a command on a node: here, or there through ssh. Commands are built here and nowhere
else; nothing in this module starts one."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from trainer.launch.launch import Node

ALIVE_EVERY = 15
ALIVE_TRIES = 6
"""A connection is given up when the other end has been silent for so many times so many seconds:
somewhat before the agent there gives us up."""


def ssh_options(connecting: float) -> list[str]:
    """Return ssh's options: it asks nobody anything, notices a dead connection, and leaves no
    master process behind."""
    return [
        *("-o", "BatchMode=yes"),
        *("-o", f"ConnectTimeout={max(1, round(connecting))}"),
        *("-o", f"ServerAliveInterval={ALIVE_EVERY}"),
        *("-o", f"ServerAliveCountMax={ALIVE_TRIES}"),
        *("-o", "ControlMaster=no"),
        *("-o", "ControlPath=none"),
        "-T",
    ]


def on_node(node: Node, words: Sequence[str], connecting: float) -> list[str]:
    """Return the command that runs `words` on a node. A word's leading ``~/`` is expanded there."""
    if not node.address:
        return [expanded(word) for word in words]
    line = "exec " + " ".join(quoted(word) for word in words)
    return ["ssh", *ssh_options(connecting), "--", node.address, line]


def script_on_node(node: Node, script: str, connecting: float) -> list[str]:
    """Return the command that has a node's ``sh`` run a script."""
    return on_node(node, ["sh", "-c", script], connecting)


def quoted(word: str) -> str:
    """Return a word as a remote shell reads it, with a leading ``~/`` left for it to expand."""
    if word.startswith("~/"):
        return "~/" + (shlex.quote(word[2:]) if word[2:] else "")
    return shlex.quote(word)


def expanded(word: str) -> str:
    """Return a word as it is on this machine."""
    return str(Path(word).expanduser()) if word.startswith("~/") else word
