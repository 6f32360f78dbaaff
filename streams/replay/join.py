"""The verdicts of a panel over all judgements there are, made here or by the running line."""

from __future__ import annotations

import asyncio
from typing import Final

from agents.ensemble import Edition, Ensemble
from schemas.settings import Settings
from schemas.topics import JUDGEMENTS
from streams.broker import Broker
from streams.replay.drain import Drain, Moved
from streams.replay.topics import partitions
from streams.seats import Seat
from streams.stage import seat_table, tables_path
from streams.stages.ensemble import TABLE_BYTES, VERSION, EnsembleHandler, stage_name
from streams.table import TableLockedError, TableStore

LOOK_EVERY: Final = 0.5
"""Seconds between two looks at how far the running line has come."""


async def join(
    broker: Broker,
    settings: Settings,
    edition: Edition,
    source: Broker | None = None,
    moved: Moved = lambda _: None,
) -> int | None:
    """Join all judgements that the panel's table lacks, and publish the verdicts.

    The table is that of the panel's stage, which goes on from there when it next runs. Where that
    stage is running now, it holds the table and does this by itself.

    Args:
        broker: where the topics are.
        settings: where the tables are.
        edition: whose verdicts.
        source: where the judgements are read, if elsewhere.
        moved: called with the number of judgements after each batch.

    Returns:
        How many judgements were read, or None where the stage is running.

    Raises:
        BrokerError: the broker is not there.
    """
    name = stage_name(edition)
    seat = Seat(settings.paths.home, name) if broker.shares_partitions else None
    try:
        if seat is not None and seat.number > 0:
            return None
        path = tables_path(settings) / seat_table(name, 0)
        try:
            store = await asyncio.to_thread(
                TableStore, path, f"{broker.lineage} {VERSION}", memory_bytes=TABLE_BYTES
            )
        except TableLockedError:
            return None
        try:
            handler = EnsembleHandler(Ensemble(edition.panel, edition))
            drain = Drain(name, handler, store, source or broker, broker, settings)
            return await drain.run((JUDGEMENTS,), moved)
        finally:
            store.close()
    finally:
        if seat is not None:
            seat.close()


async def joined(broker: Broker, settings: Settings, edition: Edition, moved: Moved) -> None:
    """Wait until the running stage has joined all judgements that are there now.

    Args:
        broker: where the topics are.
        settings: tell the number of partitions.
        edition: whose verdicts.
        moved: called with how many judgements the stage has come further.
    """
    places = [(JUDGEMENTS, number) for number in range(partitions(broker, JUDGEMENTS, settings))]
    ends = {place: await broker.end(*place) for place in places}
    before: int | None = None
    while True:
        found = await broker.committed(stage_name(edition), places)
        reached = {place: min(found[place] or 0, ends[place]) for place in places}
        moved(sum(reached.values()) - (before or 0))
        before = sum(reached.values())
        if reached == ends:
            return
        await asyncio.sleep(LOOK_EVERY)
