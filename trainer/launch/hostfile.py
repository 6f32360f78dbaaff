"""Hostfiles as torchrun's and DeepSpeed's launchers have them: ``name slots=N``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trainer.launch.launch import Node, Unlaunchable


def hostfile(nodes: Iterable[Node]) -> str:
    """Return the text of a hostfile, the node of rank 0 first."""
    return "".join(f"{node.address or 'localhost'} slots={node.devices}\n" for node in nodes)


def read_hostfile(text: str) -> Mapping[str, int]:
    """Return how many processes each host has, in the file's order.

    Raises:
        Unlaunchable: a line that is no host, or a host that comes twice.
    """
    slots: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        name, *rest = words
        count = rest[0].removeprefix("slots=") if rest else "1"
        if len(rest) > 1 or not count.isdecimal() or not int(count):
            raise Unlaunchable(f"line {number} of the hostfile is no `name slots=N`: {line!r}")
        if name in slots:
            raise Unlaunchable(f"line {number} of the hostfile names {name} once more")
        slots[name] = int(count)
    return slots
