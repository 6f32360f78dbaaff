"""What commands need that have judges called: showing the cost, asking, pausing, failing."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

import click

from streams.cli.errors import CommandError
from streams.cli.exits import USAGE

if TYPE_CHECKING:
    from schemas.settings import Settings
    from streams.broker import Broker
    from streams.replay.plan import Plan

T = TypeVar("T")


def show(plan: Plan, *, as_json: bool = False) -> None:
    """Tell what a plan costs: on standard error, or as JSON on standard output."""
    from streams.replay.show import plan_json, plan_table

    if as_json:
        click.echo(json.dumps(plan_json(plan)))
        return
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        console.width = 120
    console.print(plan_table(plan))


def agree(calls: int, *, yes: bool) -> None:
    """Ask whether to go on where judges would be called.

    Raises:
        CommandError: nobody can be asked.
        click.Abort: the answer was no.
    """
    if not calls or yes:
        return
    if not sys.stdin.isatty():
        raise CommandError("judges would be called, and nobody can be asked here; add --yes", USAGE)
    click.confirm(f"Have these {calls} judgements made?", abort=True, err=True)


async def interruptible(work: Coroutine[Any, Any, T]) -> T | None:
    """Run until it is done, or return None after Ctrl-C or SIGTERM stopped it."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return None
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def guarded(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work and tell what fails in one line."""
    from streams.flow import BrokerError

    try:
        return asyncio.run(work)
    except (BrokerError, ValueError, OSError) as error:
        raise CommandError(str(error)) from error


def with_broker(settings: Settings, work: Callable[[Broker], Awaitable[T]]) -> T:
    """Run a command's work on the broker of the settings.

    Raises:
        CommandError: it fails.
    """

    async def opened() -> T:
        from streams.broker import open_broker

        broker = open_broker(settings)
        try:
            await asyncio.to_thread(broker.ensure_topics)
            return await work(broker)
        finally:
            broker.close()

    return guarded(opened())
