"""`clawback run`: the whole line under one supervisor."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from streams.cli.common import (
    find_settings,
    model_judges,
    read_settings,
    see_whole,
    trusted_settings,
)
from streams.cli.errors import CommandError
from streams.cli.samples import HOME, looking, point_at

if TYPE_CHECKING:
    from schemas.settings import Settings
    from streams.cli.app import Options
    from streams.supervisor.plan import Plan

SAMPLES = Path(__file__).parents[2] / "tests/fixtures/sessions"
SAMPLE_SETS = ("openclaw-2026.3.13", "made-up")
IDLE = 3.0


@click.command()
@click.option("--samples", is_flag=True, help="Run on sample sessions, in a home of their own.")
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the log and the state here; with --samples everything, ./var/samples by default.",
)
@click.option("--until-idle", is_flag=True, help="End when all is read and judged; print counts.")
@click.option(
    "--idle",
    type=click.FloatRange(min=0.1),
    default=IDLE,
    show_default=True,
    metavar="SECONDS",
    help="How long nothing must have moved for --until-idle.",
)
@click.option("-q", "--quiet", is_flag=True, help="Do not print what comes out of the line.")
@click.pass_obj
def command(
    options: Options,
    samples: bool,
    home: Path | None,
    until_idle: bool,
    idle: float,
    quiet: bool,
) -> None:
    """Run the whole line, all day, under one supervisor.

    Prints a line for each verdict, pair and dead letter. A stage that dies is started again
    alone. Ctrl-C lets the stages finish what they have at hand, and ends within 5 seconds.

    \b
    Examples:
      clawback run --samples              the line at work on sample sessions
      clawback run                        follow your own, until Ctrl-C
      clawback run --until-idle --quiet   once over all there is, for scripts
    """
    if samples:
        _prepare_samples((home or HOME).absolute())
    elif home is not None:
        os.environ["CLAWBACK_PATHS__HOME"] = str(home.absolute())
    file = find_settings(options.config)
    written = read_settings(file, as_written=True)
    settings = trusted_settings(written)
    see_whole(settings)
    _say_who_counts(written)
    _warn_of_unknown_variables()
    plan = make_plan(
        settings,
        file,
        feed=not quiet,
        verbose=options.verbose,
        until_idle=idle if until_idle else None,
    )
    become_supervisor(plan)


def make_plan(
    settings: Settings,
    file: Path | None,
    *,
    feed: bool,
    verbose: bool,
    until_idle: float | None,
) -> Plan:
    """Return what the supervisor needs to know."""
    from streams.broker import log_path
    from streams.supervisor.layout import layout, stalled_after
    from streams.supervisor.plan import Plan

    embedded = settings.broker.url == "embedded"
    return Plan(
        home=settings.paths.home,
        output=settings.paths.output,
        openclaw=settings.paths.openclaw,
        config=str(file or ""),
        log=str(log_path(settings)) if embedded else "",
        prefix=settings.broker.prefix,
        timezone=settings.sinks.timezone,
        processes=layout(settings),
        models=tuple(model_judges(settings)),
        backoff=settings.run.backoff,
        backoff_max=settings.run.backoff_max,
        drain=settings.run.drain,
        stalled=stalled_after(settings),
        feed=feed,
        verbose=verbose,
        until_idle=until_idle,
    )


def become_supervisor(plan: Plan) -> NoReturn:
    """Replace this process with the supervisor, which has no use for what was imported here.

    The plan goes with it in an open file without a name. The environment goes too: what the
    command line set is in it, so that the stages read the same settings.
    """
    os.environ["CLAWBACK_CONFIG"] = plan.config
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        file.write(plan.to_json())
        file.flush()
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        os.set_inheritable(file.fileno(), True)
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(sys.executable, [sys.executable, "-m", "streams.supervisor", str(file.fileno())])


def _prepare_samples(home: Path) -> None:
    """Copy the sample sessions to where they may be played with, and point the settings there."""
    if not SAMPLES.is_dir():
        raise CommandError(
            f"the sample sessions are not there ({SAMPLES}); they come with the source: "
            "run this in a clone, after `pip install -e .`"
        )
    openclaw = home / "openclaw"
    try:
        before = openclaw.exists()
        if not before:
            for each in SAMPLE_SETS:
                shutil.copytree(SAMPLES / each, openclaw, dirs_exist_ok=True)
    except OSError as error:
        raise CommandError(f"{home} can't be written: {error.strerror or error}") from None
    click.echo(f"sample sessions are in {openclaw}; append to one and watch", err=True)
    if before:
        click.echo(f"they were read by an earlier run; remove {home} to see that again", err=True)
    click.echo(f"look at what comes of them with: {looking(home)}", err=True)
    point_at(home)


def _say_who_counts(settings: Settings) -> None:
    from streams.trust import notices

    for line in notices(settings):
        click.echo(line, err=True)


def _warn_of_unknown_variables() -> None:
    from streams.settings.environment import unknown

    for name, near in unknown(os.environ):
        hint = f"; did you mean {near}?" if near else ""
        click.echo(f"clawback: {name} is no setting and does nothing{hint}", err=True)
