"""`clawback status`: how far each stage has come."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import click

from streams.cli.common import find_settings, model_judges, read_settings
from streams.cli.exits import NOT_RUNNING, OK, UNHEALTHY

if TYPE_CHECKING:
    from schemas.settings import Settings
    from streams.broker import Broker
    from streams.cli.app import Options
    from streams.status.flow import Flow
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

    Exit code 3: nothing is running. 4: a process is in a crash loop or waits to be started again,
    or the broker does not answer.

    \b
    Examples:
      clawback status --watch
      clawback status --json | jq '.stages[] | select(.lag > 0)'
    """
    settings = read_settings(find_settings(options.config))
    with closing(_Broker(settings)) as broker:
        looking = _looker(settings, broker)
        if watch:
            _watch(settings, looking, every, as_json=as_json)
            return OK
        before = looking()
        time.sleep(BETWEEN)
        after = looking()
        _print(settings, before, after, as_json=as_json)
    if after.running is None:
        return NOT_RUNNING
    return OK if after.healthy else UNHEALTHY


class _Broker:
    """The broker, opened when it can be, and again after it did not answer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._broker: Broker | None = None

    def measure(self, stages: Sequence[str]) -> Flow:
        """Return how far the stages have come; nothing where there is no log yet.

        Raises:
            BrokerError: it does not answer.
        """
        from streams.broker import log_path, open_broker
        from streams.flow import BrokerError
        from streams.status.flow import Flow, measure

        if self._broker is None:
            # To open the log would make it.
            if self._settings.broker.url == "embedded" and not log_path(self._settings).exists():
                return Flow()
            # What is wrong is said in one line, not in aiokafka's.
            logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
            self._broker = open_broker(self._settings)
        try:
            return asyncio.run(measure(self._broker, stages))
        except BrokerError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of it."""
        if self._broker is not None:
            self._broker.close()
            self._broker = None


def _looker(settings: Settings, broker: _Broker) -> Callable[[], Look]:
    from streams.flow import BrokerError
    from streams.status.flow import Flow
    from streams.status.snapshot import look
    from streams.supervisor.layout import stages

    names = stages(settings)

    def looking() -> Look:
        try:
            return look(settings.paths.home, broker.measure(names), names)
        except BrokerError as error:
            return look(settings.paths.home, Flow(), names, str(error))

    return looking


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
