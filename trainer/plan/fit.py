"""Whether a layout fits the hosts, and which layout does best."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from schemas.settings import Host
from trainer.plan.memory import WIDTH, Work, needs, state
from trainer.plan.plans import Layout, Need, Node, Offload, Share
from trainer.plan.shapes import Shape

FREE: Final = 0.05
"""The share of a GPU's or of shared memory that is left free: an allocator never fills it."""

MOST_ROWS: Final = 8
"""Most rows a device takes at once."""

FEWEST_ROWS: Final = {"dpo": 1, "kto": 2}
"""KTO compares each row with another one of its pass."""

ROOMY: Final = 0.75
"""The share of what there is that more than one row may take: they only save time."""


def best(shape: Shape, work: Work, hosts: Sequence[Host], batch: int) -> tuple[Layout, list[Node]]:
    """Return the first layout that fits, or the one that lacks least.

    What stays nearest to the accelerator comes first; then, as each pass gathers all weights
    again, the one with most rows in a pass. More than one row is only taken where there is much
    room, and never makes what stays nearest give way.
    """
    least: tuple[Layout, list[Node]] | None = None
    for layout in _layouts(work, hosts, batch):
        nodes = [node(shape, work, layout, host) for host in hosts]
        if lacking(nodes) <= 0 and (layout.rows == FEWEST_ROWS[work.method] or _roomy(nodes)):
            return layout, nodes
        if layout.rows == FEWEST_ROWS[work.method] and (
            least is None or lacking(nodes) < lacking(least[1])
        ):
            least = layout, nodes
    assert least is not None
    return least


def _roomy(nodes: Sequence[Node]) -> bool:
    return all(needed <= ROOMY * has for each in nodes for needed, has in each.pools.values())


def lacking(nodes: Sequence[Node]) -> int:
    """Return the bytes that the host which lacks most lacks; 0 or less where all fits."""
    return max(each.lacking for each in nodes)


def node(shape: Shape, work: Work, layout: Layout, host: Host) -> Node:
    """Return what a host needs and has."""
    found = needs(shape, work, layout)
    has = _has(host)
    shares = tuple(Share(what=need.what, takes=_takes(host, need, has)) for need in found)
    return Node(
        host=host.name,
        devices=host.devices,
        shares=shares,
        pools={name: (sum(each.takes[name] for each in shares), has[name]) for name in has},
    )


def gathers(shape: Shape, work: Work, layout: Layout, first: Host) -> bool:
    """Whether the host of rank 0 has room for the whole model, put together to be saved.

    An adapter is put together without its base. Activations are gone by then.
    """
    if not layout.sharded or work.tuning != "full":
        return True
    whole = Need(what="whole model", cpu=shape.parameters * WIDTH[layout.precision])
    has = _has(first)
    standing = [_takes(first, need, has) for need in state(shape, work, layout)]
    alone = _takes(first.model_copy(update={"devices": 1}), whole, has)
    return all(sum(each[name] for each in (*standing, alone)) <= has[name] for name in has)


def _layouts(work: Work, hosts: Sequence[Host], batch: int) -> Iterator[Layout]:
    ranks = sum(host.devices for host in hosts)
    cuda = hosts[0].accelerator == "cuda"
    fewest = FEWEST_ROWS[work.method]
    per_rank = max(fewest, batch // ranks // fewest * fewest)
    rows = [each for each in range(MOST_ROWS, fewest - 1, -1) if per_rank % each == 0]
    for offload in _offloads(work, hosts):
        offloaded = offload != "none"
        several = ranks > 1 or (cuda and work.tuning == "full")
        for each in rows:
            yield Layout(
                ranks=ranks,
                sharded=work.tuning != "qlora" and (several or offloaded),
                offload=offload,
                rows=each,
                accumulation=per_rank // each,
                precision="bf16" if cuda else "fp32",
                accelerator=hosts[0].accelerator,
            )


def _offloads(work: Work, hosts: Sequence[Host]) -> list[Offload]:
    """An adapter's optimizer state is too small to be worth a move of its own."""
    found: list[Offload] = ["none"]
    if hosts[0].accelerator == "cpu" or work.tuning == "qlora":
        return found
    full = work.tuning == "full"
    # Where CPU and GPU share their memory, nothing is won by moving to the other.
    if all(not host.unified and host.host_memory for host in hosts):
        found += ["optimizer to cpu", "all to cpu"] if full else ["all to cpu"]
    if all(host.nvme for host in hosts):
        found += ["optimizer to nvme", "all to nvme"] if full else ["all to nvme"]
    return found


def _has(host: Host) -> dict[str, int]:
    """Return the bytes of each pool that may be used."""
    found = {}
    if host.unified or host.accelerator == "cpu":
        found["memory"] = _usable(host.memory)
    else:
        found["gpu"] = _usable(host.memory)
        if host.host_memory:
            found["cpu"] = _usable(host.host_memory)
    if host.nvme:
        found["nvme"] = int(host.nvme_free * 1e9)
    return found


def _takes(host: Host, need: Need, has: Mapping[str, int]) -> dict[str, int]:
    """Return what a need of each of a host's devices takes of its pools."""
    every = {
        "memory": (need.device + need.cpu) * host.devices,
        "gpu": need.device,
        "cpu": need.cpu * host.devices,
        "nvme": need.nvme * host.devices,
    }
    return {name: every[name] for name in has}


def _usable(gigabytes: float) -> int:
    return int(gigabytes * (1 - FREE) * 1e9)
