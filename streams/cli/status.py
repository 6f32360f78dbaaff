"""`clawback status`: how far each stage has come."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from streams.cli.common import find_settings, model_judges, read_settings
from streams.cli.errors import CommandError
from streams.cli.exits import NOT_RUNNING, OK, UNHEALTHY

if TYPE_CHECKING:
    from schemas.settings import Settings
    from streams.cli.app import Options
    from streams.embedded.log import Log
    from streams.status.snapshot import Look

BETWEEN = 0.5
"""Seconds between the two looks that tell rates."""


@click.command()
@click.option("--watch", is_flag=True, help="Keep it on the screen and up to date, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object; with --watch one a line.")
@click.option(
    "--every",
    type=click.FloatRange(min=0.2),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How often --watch looks.",
)
@click.pass_obj
def command(options: Options, watch: bool, as_json: bool, every: float) -> int:
    """Show how far each stage has come, and how the processes are.

    Exit code 3: nothing is running. 4: a process is in a crash loop or waits to be started again.

    \b
    Examples:
      clawback status --watch
      clawback status --json | jq '.stages[] | select(.lag > 0)'
    """
    settings = read_settings(find_settings(options.config))
    log = _open(settings)
    try:
        looking = _looker(settings, log)
        if watch:
            _watch(settings, looking, every, as_json=as_json)
            return OK
        before = looking()
        time.sleep(BETWEEN)
        after = looking()
        _print(settings, before, after, as_json=as_json)
    finally:
        if log is not None:
            log.close()
    if after.running is None:
        return NOT_RUNNING
    return OK if after.healthy else UNHEALTHY


def _open(settings: Settings) -> Log | None:
    from streams.broker import log_path
    from streams.embedded.log import Log
    from streams.embedded.records import LogError

    if settings.broker.url != "embedded":
        click.echo("clawback: topics on Kafka are not counted here; see kcat or AKHQ", err=True)
        return None
    path = log_path(settings)
    if not path.exists():
        return None
    try:
        return Log(path)
    except LogError as error:
        raise CommandError(str(error)) from None


def _looker(settings: Settings, log: Log | None) -> Callable[[], Look]:
    from streams.status.snapshot import look
    from streams.supervisor.layout import stages

    names = stages(settings)
    return lambda: look(settings.paths.home, log, settings.broker.prefix, names)


def _print(settings: Settings, before: Look, after: Look, *, as_json: bool) -> None:
    if as_json:
        from streams.status.snapshot import as_json as to_json

        found = to_json(before, after, model_judges(settings), settings.broker.url)
        click.echo(json.dumps(found))
        return
    from rich.console import Console

    from streams.status.table import render

    Console().print(render(before, after, model_judges(settings), str(settings.paths.home)))


def _watch(settings: Settings, looking: Callable[[], Look], every: float, *, as_json: bool) -> None:
    before = looking()
    time.sleep(BETWEEN)
    if as_json:
        while True:
            after = looking()
            _print(settings, before, after, as_json=True)
            before = after
            time.sleep(every)
    from rich.live import Live

    from streams.status.table import render

    models, home = model_judges(settings), str(settings.paths.home)
    with Live(auto_refresh=False, screen=True) as live:
        while True:
            after = looking()
            live.update(render(before, after, models, home), refresh=True)
            before = after
            time.sleep(every)
