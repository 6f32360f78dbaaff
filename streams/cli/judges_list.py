"""`clawback judges list`: who judges, and who counts."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from streams.cli.common import find_settings, read_settings
from streams.cli.exits import OK

if TYPE_CHECKING:
    from streams.cli.app import Options


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON list.")
@click.pass_obj
def command(options: Options, as_json: bool) -> int:
    """Show who judges, on which panels, and why a panel does not count one.

    \b
    Example:
      clawback judges list
    """
    from streams.trust import standing

    settings = read_settings(find_settings(options.config), as_written=True)
    found = standing(settings)
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found]))
        return OK
    for judge in found:
        click.echo(f"{judge.name}: {judge.model}" + (f" at {judge.url}" if judge.url else ""))
        for seat in judge.seats:
            if seat.counts:
                note = click.style("counts", fg="green")
            else:
                note = click.style("does not count", fg="yellow")
            why = f": {seat.reason}" if seat.reason else ""
            click.echo(f"    panel {seat.panel}  {note}{why}")
        if not judge.seats:
            click.echo("    sits on no panel")
    return OK
