"""The plan of a run: does the owner's wish fit, and if not, what does."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.settings import Host, Settings
from trainer.plan import fit
from trainer.plan.memory import Work, trainable
from trainer.plan.options import enough_hosts, options
from trainer.plan.plans import Impossible, Plan
from trainer.plan.shapes import Shape
from trainer.plan.words import assumptions, more_hosts, notes, sentence
from trainer.plan.zero import zero_configuration


def plan(settings: Settings, shape: Shape, hosts: Sequence[Host]) -> Plan:
    """Return what the run of these settings takes, and what would fit where it does not.

    Args:
        settings: all settings.
        shape: that of `train.model`; see `trainer.plan.read`.
        hosts: the machines; see `trainer.plan.machine`.

    Raises:
        Impossible: the settings contradict each other.
    """
    check(settings, hosts)
    train = settings.train
    work = work_of(settings)
    layout, nodes = fit.best(shape, work, hosts, train.batch)
    fits = fit.lacking(nodes) <= 0
    # Only axolotl's trainer puts the whole model together to save it; see `trainer.saving`.
    gathers = train.backend == "trl" or fit.gathers(shape, work, layout, hosts[0])
    return Plan(
        method=train.method,
        tuning=train.tuning,
        backend=train.backend,
        shape=shape,
        trainable=trainable(shape, work),
        max_length=train.max_length,
        layout=layout,
        nodes=tuple(nodes),
        fits=fits,
        sentence=sentence(shape, work, nodes),
        notes=(
            notes(shape, layout, nodes, train.batch, gathers=gathers)
            if fits
            else more_hosts(hosts[0], enough_hosts(shape, work, hosts, train.batch))
        ),
        assumptions=assumptions(work, layout),
        options=() if fits else tuple(options(settings, shape, hosts, work)),
        deepspeed=zero_configuration(shape, layout, gathers=gathers, nvme=hosts[0].nvme),
    )


def work_of(settings: Settings) -> Work:
    """Return what is to be done, as far as memory depends on it."""
    train = settings.train
    return Work(
        method=train.method,
        tuning=train.tuning,
        max_length=train.max_length,
        rank=train.lora.rank,
        # axolotl pins a TRL that computes all logits at once.
        head="full" if train.backend == "axolotl" else "fused",
    )


def check(settings: Settings, hosts: Sequence[Host]) -> None:
    """Raise `Impossible` for settings that no memory would mend."""
    kinds = {host.accelerator for host in hosts}
    if len(kinds) > 1:
        raise Impossible(
            "hosts: some train on GPUs and some on CPUs, which can't be one run; "
            "give all the same accelerator"
        )
    if settings.train.tuning == "qlora" and kinds == {"cpu"}:
        raise Impossible(
            'train.tuning: "qlora" needs a GPU for its weights of 4 bits; write tuning = "lora"'
        )
    if len({host.nvme for host in hosts if host.nvme}) > 1:
        raise Impossible("hosts: nvme must be the same directory on all of them")
