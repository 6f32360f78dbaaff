"""`clawback replay --from entries`: a lineage of its own from the first line on."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.errors import CommandError
from streams.cli.exits import INTERRUPTED, OK, USAGE
from streams.cli.work import agree, guarded, interruptible, show

if TYPE_CHECKING:
    from schemas.settings import Settings
    from streams.broker import Broker

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


def replay_lineage(
    settings: Settings,
    name: str,
    output: Path | None,
    *,
    yes: bool,
    as_json: bool,
) -> int:
    """Cut, filter, judge and join everything anew beside the live line; return the exit code."""
    from streams.replay.lineage import OtherRules, hold_to_rules, lineage_settings

    if not _NAME.fullmatch(name):
        raise CommandError(f"--lineage {name!r}: small letters, digits, - and _ make a name", USAGE)
    own = lineage_settings(settings, name, output.absolute() if output else None)
    try:
        hold_to_rules(own)
    except OtherRules as error:
        raise CommandError(str(error)) from None
    return guarded(_replay(settings, own, name, yes=yes, as_json=as_json))


async def _replay(
    live_settings: Settings, settings: Settings, name: str, *, yes: bool, as_json: bool
) -> int:
    from streams.broker import open_broker
    from streams.replay.lineage import open_lineage

    live = open_broker(live_settings)
    try:
        own = open_lineage(live_settings, settings)
        try:
            await asyncio.to_thread(live.ensure_topics)
            await asyncio.to_thread(own.ensure_topics)
            return await _run(live, own, settings, name, yes=yes, as_json=as_json)
        finally:
            own.close()
    finally:
        live.close()


async def _run(
    live: Broker, own: Broker, settings: Settings, name: str, *, yes: bool, as_json: bool
) -> int:
    from streams.cli.bars import Bars
    from streams.replay import lineage

    with Bars() as bars:
        for kind in ("extract", "prefilter"):
            bars.add(kind, None)
        if await interruptible(_done(lineage.cut(live, own, settings, bars.mover))) is None:
            return _paused(name)
        reused = await interruptible(lineage.reuse(live, own, settings))
        if reused is None:
            return _paused(name)
    ahead = await lineage.plan(own, settings)
    show(ahead)
    agree(ahead.calls, yes=yes)
    with Bars() as bars:
        for work in ahead.works:
            bars.add(work.pin.judge, len(work.missing))
        bars.add("joined", None)
        work_left = lineage.finish(own, settings, ahead, bars.judged, bars.mover)
        if await interruptible(_done(work_left)) is None:
            return _paused(name)
    told = {
        "lineage": name,
        "prefix": settings.broker.prefix,
        "output": str(settings.paths.output),
        "candidates": ahead.candidates,
        "judgements_reused": reused,
        "judged": bars.outcomes["asked"],
    }
    if as_json:
        click.echo(json.dumps(told))
    else:
        click.echo(
            f"lineage {name}: {ahead.candidates} turns to judge, {reused} judgements used again, "
            f"{bars.outcomes['asked']} made; its files are in {settings.paths.output}"
        )
    return OK


async def _done(work: Awaitable[None]) -> bool:
    """Tell that it was done, and not stopped."""
    await work
    return True


def _paused(name: str) -> int:
    click.echo(
        f"clawback: paused; `clawback replay --from entries --lineage {name}` goes on", err=True
    )
    return INTERRUPTED
