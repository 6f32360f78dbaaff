"""`clawback worker`: single stages in this process."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from streams.cli.common import find_settings, read_settings, see_whole

if TYPE_CHECKING:
    from streams.cli.app import Options


@click.command()
@click.argument("stages", nargs=-1, required=True, metavar="STAGE...")
@click.pass_obj
def command(options: Options, stages: tuple[str, ...]) -> None:
    """Run single stages in this process.

    `clawback run` does this for all of them. By hand it is for another machine with the same
    broker, or for looking at one stage alone.

    \b
    Stages: tail, extract, prefilter, judge.NAME, ensemble.PANEL, turnfiles, pairs, train

    \b
    Example:
      clawback worker extract prefilter
    """
    from streams.lineup import find_stage
    from streams.supervisor.layout import stages as known

    file = find_settings(options.config)
    settings = read_settings(file)
    names = known(settings)
    for stage in stages:
        if find_stage(stage, names) is None:
            raise click.BadParameter(f"{stage!r} is no stage; there are: {', '.join(names)}")
    see_whole(settings)
    os.environ["CLAWBACK_CONFIG"] = str(file or "")
    verbose = ["--verbose"] if options.verbose else []
    os.execv(sys.executable, [sys.executable, "-m", "streams.worker", *verbose, *stages])
