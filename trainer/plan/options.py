"""What fits where the wish does not: the nearest first, each with its settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, Final

import tomlkit
from pydantic import BaseModel

from schemas.settings import Host, Settings, Train
from trainer.plan import fit
from trainer.plan.memory import Work
from trainer.plan.plans import Node, Option
from trainer.plan.shapes import Shape
from trainer.plan.words import TUNINGS

SHORTEST: Final = 512
"""Tokens of a row below which no option goes."""

MOST_HOSTS: Final = 64

_TUNINGS: Final = ("full", "lora", "qlora")
_DISK: Final = "/mnt/nvme"
_ROOM: Final = 1.05
"""What is asked for, beside what is needed."""

_MOST: Final = 1e9
"""GB that are always enough."""


@dataclass(frozen=True, slots=True)
class _Way:
    """A way to train: how, on rows of at most how many tokens, and what the hosts get for it."""

    work: Work
    hosts: tuple[Host, ...]
    help: str = ""


def options(settings: Settings, shape: Shape, hosts: Sequence[Host], work: Work) -> list[Option]:
    """Return what fits, in the order of its nearness to the wish.

    The same training with help of more memory or a disk; the same on shorter rows; then less
    training: LoRA and QLoRA, in the same order.
    """
    found: list[Option] = []
    for tuning in _TUNINGS[_TUNINGS.index(work.tuning) :]:
        if tuning == "qlora" and hosts[0].accelerator == "cpu":
            continue
        found += _of_tuning(settings, shape, hosts, work.model_copy(update={"tuning": tuning}))
    return found


def _of_tuning(
    settings: Settings, shape: Shape, hosts: Sequence[Host], work: Work
) -> Iterator[Option]:
    helped = False
    for way in _ways(work, hosts):
        shorter = way.work.max_length < work.max_length
        if helped and shorter and way.help:
            return
        _, nodes = fit.best(shape, way.work, way.hosts, settings.train.batch)
        if fit.lacking(nodes) > 0:
            continue
        yield _option(settings, way, nodes)
        if shorter or not way.help:
            return
        helped = True


def enough_hosts(shape: Shape, work: Work, hosts: Sequence[Host], batch: int) -> int:
    """Return how many hosts like the first it would fit on as it is wished, 0 for none."""
    for count in range(len(hosts) + 1, MOST_HOSTS + 1):
        _, nodes = fit.best(shape, work, [hosts[0]] * count, batch)
        if fit.lacking(nodes) <= 0:
            return count
    return 0


def _ways(work: Work, hosts: Sequence[Host]) -> Iterator[_Way]:
    helped = list(_helped(hosts))
    for length in _lengths(work.max_length):
        shorter = work.model_copy(update={"max_length": length})
        yield _Way(shorter, tuple(hosts))
        if length == work.max_length:
            yield from (_Way(shorter, given, what) for what, given in helped)
    for length in list(_lengths(work.max_length))[1:]:
        shorter = work.model_copy(update={"max_length": length})
        yield from (_Way(shorter, given, what) for what, given in helped)


def _lengths(longest: int) -> Iterator[int]:
    length = longest
    yield length
    while length // 2 >= SHORTEST:
        length //= 2
        yield length


def _helped(hosts: Sequence[Host]) -> Iterator[tuple[str, tuple[Host, ...]]]:
    """Yield the hosts with something beside the GPU to move to."""
    if hosts[0].accelerator == "cpu":
        return
    if not any(host.unified for host in hosts):
        yield "host_memory", tuple(_with(host, host_memory=_MOST) for host in hosts)
    nvme = next((host.nvme for host in hosts if host.nvme), _DISK)
    yield "nvme", tuple(_with(host, nvme=nvme, nvme_free=_MOST) for host in hosts)


def _with(host: Host, **given: Any) -> Host:
    return host.model_copy(update=given)


def _option(settings: Settings, way: _Way, nodes: Sequence[Node]) -> Option:
    needed = max(need for node in nodes for name, (need, _) in node.pools.items() if name in _SHOWN)
    hosts = [_asked(host, node, way.help) for host, node in zip(way.hosts, nodes, strict=True)]
    title = TUNINGS[way.work.tuning]
    title = title[0].upper() + title[1:]
    costs = []
    if way.help == "nvme":
        room = max(host.nvme_free for host in hosts)
        title += f" with {room:,.0f} GB of an NVMe disk on each host"
        costs.append("much slower: each step reads and writes what lies on the disk")
    elif way.help == "host_memory":
        room = max(host.host_memory for host in hosts)
        title += f" with {room:,.0f} GB of memory beside the GPU"
        costs.append("slower: each step moves weights between GPU and CPU")
    if way.work.max_length < settings.train.max_length:
        title += f", rows of at most {way.work.max_length} tokens"
        costs.append("longer rows are left out")
    if way.work.tuning != settings.train.tuning:
        costs.append(_COSTS[way.work.tuning])
    return Option(
        title=title,
        cost="; ".join(costs),
        needed=needed,
        settings=_block(settings, way, hosts),
    )


_SHOWN: Final = ("memory", "gpu")
_COSTS: Final = {
    "lora": "an adapter of low rank is trained, not the weights themselves",
    "qlora": "an adapter is trained on a base of 4 bits, which is not quite the base that serves",
}


def _asked(host: Host, node: Node, help: str) -> Host:
    """Return the host with as much as is needed instead of more than there is."""
    if help == "nvme":
        return _with(host, nvme_free=float(ceil(node.pools["nvme"][0] * _ROOM / 1e9)))
    if help == "host_memory":
        needed = node.pools["cpu"][0] / (1 - fit.FREE) / 1e9
        return _with(host, host_memory=max(float(ceil(needed * _ROOM)), 1.0))
    return host


def _changed(section: BaseModel, default: BaseModel) -> dict[str, Any]:
    """Return the settings that are not the defaults, as TOML takes them."""
    found: dict[str, Any] = {}
    for name in type(section).model_fields:
        value, usual = getattr(section, name), getattr(default, name)
        if value == usual:
            continue
        if isinstance(value, BaseModel):
            found[name] = _changed(value, usual)
        else:
            found[name] = str(value) if isinstance(value, Path) else value
    return found


def _block(settings: Settings, way: _Way, hosts: Sequence[Host]) -> str:
    """Return [train] and [[hosts]] as they would be, without what is a default."""
    train = _changed(settings.train, Train())
    train |= {"model": settings.train.model, "tuning": way.work.tuning}
    if way.work.max_length != settings.train.max_length:
        train["max_length"] = way.work.max_length
    tables: dict[str, Any] = {"train": train}
    if settings.hosts or way.help:
        tables["hosts"] = [
            {"name": host.name} | _changed(host, Host(name=host.name)) for host in hosts
        ]
    text = tomlkit.dumps(tables)
    if way.help == "nvme" and not all(host.nvme for host in settings.hosts):
        text = text.replace(f'nvme = "{_DISK}"', f'nvme = "{_DISK}" # a directory on a fast disk')
    return text
