"""What a plan says to a person."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.settings import Host
from trainer.plan.activations import SIDES
from trainer.plan.fit import FREE
from trainer.plan.memory import PROCESS, WIDTH, Work
from trainer.plan.plans import Layout, Node
from trainer.plan.shapes import Shape

POOLS = {
    "memory": "memory",
    "gpu": "memory of each GPU",
    "cpu": "memory beside the GPU",
    "nvme": "space for offloading",
}
TUNINGS = {"full": "all weights", "lora": "LoRA", "qlora": "QLoRA"}

_TIGHT = 0.1


def gigabytes(size: float) -> str:
    """Return bytes as GB (10^9), with as many places as mean something."""
    value = size / 1e9
    return f"{value:,.0f} GB" if value >= 100 else f"{value:.3g} GB"


def sentence(shape: Shape, work: Work, nodes: Sequence[Node]) -> str:
    """Say in one sentence whether it fits, and by how much."""
    what = f"{shape.name} with {TUNINGS[work.tuning]}"
    worst = max(nodes, key=lambda node: node.lacking)
    pool, (needed, has) = max(worst.pools.items(), key=lambda item: item[1][0] - item[1][1])
    place = f"{gigabytes(needed)} of {POOLS[pool]} on {worst.host}"
    if worst.lacking > 0:
        more = gigabytes(worst.lacking)
        return (
            f"{what} does not fit: it takes {place}, {more} more than the {gigabytes(has)} there."
        )
    return f"{what} fits: it takes {place} and leaves {gigabytes(-worst.lacking)}."


def notes(
    shape: Shape,
    layout: Layout,
    nodes: Sequence[Node],
    batch: int,
    *,
    gathers: bool,
) -> tuple[str, ...]:
    """Say what a person should know beside that."""
    found = []
    learned = layout.ranks * layout.rows * layout.accumulation
    if learned != batch:
        found.append(
            f"An optimizer step learns from {learned} rows and not from {batch}, which "
            f"{layout.ranks} devices can't share equally."
        )
    if layout.offload.endswith("nvme"):
        found.append(_disk(shape, layout, nodes))
    if layout.offload != "none":
        found.append(
            "Offloading is DeepSpeed's, and needs a compiler (and libaio for a disk) on each host; "
            "clawback's own tests have no GPU and have not tried it."
        )
    if not gathers:
        found.append(
            "axolotl can't put the whole model together in one host's memory to save it: it "
            "leaves a DeepSpeed checkpoint, of which zero_to_fp32.py makes the model."
        )
    pools = [pool for node in nodes for name, pool in node.pools.items() if name != "nvme"]
    if any(0 <= has - needed < _TIGHT * has for needed, has in pools):
        found.append("It is tight. These are sums, not measurements; try it on few rows first.")
    return tuple(found)


def more_hosts(like: Host, count: int) -> tuple[str, ...]:
    """Say how many hosts a wish that does not fit would take."""
    return (f"As it is wished it takes {count} hosts like {like.name}.",) if count else ()


def assumptions(work: Work, layout: Layout) -> tuple[str, ...]:
    """Say what the numbers rest on."""
    sides = SIDES[work.method]
    rows = f"{layout.rows} row{'s' if layout.rows > 1 else ''}"
    found = [
        f"{layout.precision} weights; activations of {rows} of {work.max_length} tokens"
        + (" on each of two sides" if sides > 1 else "")
        + ", with gradient checkpointing and attention that keeps no scores",
        "the base's log-probabilities computed before the first step, so no second model"
        if work.tuning == "full"
        else "the base itself is the reference, so no second model",
        f"{gigabytes(PROCESS[layout.accelerator])} for libraries in each process, and "
        f"{FREE:.0%} of memory left free",
    ]
    if layout.sharded and layout.ranks > 1:
        found.append(f"ZeRO stage 3: everything in {layout.ranks} equal parts")
    return tuple(found)


def _disk(shape: Shape, layout: Layout, nodes: Sequence[Node]) -> str:
    """Each step writes the gradients, reads them with all optimizer state, and writes that."""
    share = max(node.devices for node in nodes) / layout.ranks
    width = WIDTH[layout.precision]
    read, written = 16 * shape.parameters * share, (16 + width) * shape.parameters * share
    if layout.offload.startswith("all"):
        read += 2 * layout.accumulation * width * shape.parameters * share
    return (
        f"Each optimizer step reads at least {gigabytes(read)} from a host's disk and writes "
        f"{gigabytes(written)} to it: its speed decides how long a run takes, and its wear is real."
    )
