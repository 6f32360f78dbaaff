"""`clawback train --plan`: what a run takes, whether the hosts have it, and what fits if not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from streams.cli.errors import CommandError
from streams.cli.exits import OK, UNHEALTHY, USAGE

if TYPE_CHECKING:
    from rich.table import Table

    from schemas.settings import Settings
    from trainer.plan.plans import Node, Plan

_POOLS = {"memory": "memory", "gpu": "each GPU", "cpu": "CPU memory", "nvme": "NVMe"}


def show_plan(settings: Settings, as_json: bool) -> int:
    """Print the plan of a run; exit code 0 where it fits, 4 where it does not.

    Raises:
        CommandError: no plan can be made of these settings.
    """
    from trainer.plan.machine import hosts_of
    from trainer.plan.planner import plan
    from trainer.plan.plans import Impossible
    from trainer.plan.read import shape_of

    try:
        made = plan(settings, shape_of(settings.train.model), hosts_of(settings))
    except Impossible as error:
        raise CommandError(str(error), USAGE) from None
    if as_json:
        click.echo(made.model_dump_json(indent=2))
    else:
        _show(made)
    return OK if made.fits else UNHEALTHY


def _show(plan: Plan) -> None:
    from rich.console import Console

    console = Console()
    for names, node in _distinct(plan.nodes):
        console.print(_table(names, node))
        click.echo()
    click.echo(plan.sentence)
    for note in plan.notes:
        click.echo(note)
    click.echo("\nAssumed: " + "; ".join(plan.assumptions) + ".")
    if plan.options:
        click.echo(
            "\nWhat fits, the nearest first. The settings take the place of [train] and [[hosts]]."
        )
    elif not plan.fits:
        click.echo("\nNothing that can be set makes it fit; a smaller model would.")
    for number, option in enumerate(plan.options, 1):
        cost = f" ({option.cost})" if option.cost else ""
        click.echo(f"\n{number}. {option.title}: {option.needed / 1e9:,.1f} GB{cost}\n")
        click.echo("\n".join(f"   {line}".rstrip() for line in option.settings.splitlines()))


def _distinct(nodes: Sequence[Node]) -> list[tuple[str, Node]]:
    """Return the hosts' names with what they take, those that take the same together."""
    found: dict[str, tuple[list[str], Node]] = {}
    for node in nodes:
        same = node.model_copy(update={"host": ""}).model_dump_json()
        found.setdefault(same, ([], node))[0].append(node.host)
    return [(" and ".join(names), node) for names, node in found.values()]


def _table(names: str, node: Node) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column(f"GB on {names}")
    for pool in node.pools:
        table.add_column(_POOLS[pool], justify="right")
    for share in node.shares:
        table.add_row(share.what, *(_number(share.takes[pool]) for pool in node.pools))
    table.add_section()
    table.add_row("needed", *(_number(needed) for needed, _ in node.pools.values()), style="bold")
    table.add_row("may be used", *(_number(has) for _, has in node.pools.values()))
    return table


def _number(size: int) -> str:
    return f"{size / 1e9:,.2f}" if size < 10e9 else f"{size / 1e9:,.1f}"
