"""A lineage: all that follows from `entries` under other rules, beside the live line.

It has topics of its own (`<prefix>-<name>.turns`, ...), tables of its own and an output directory
of its own; it reads the live `entries` and the live judgements and writes to none of the live
topics. Run again, it goes on from where it came to.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Final

from agents.ensemble import edition
from agents.prefilter import Prefilter
from schemas.identity import digest
from schemas.settings import Settings
from schemas.topics import CANDIDATES, ENTRIES, JUDGEMENTS, TURNS
from streams.broker import Broker, EmbeddedBroker, log_path, open_broker
from streams.flow import Handler, Outgoing
from streams.replay.asking import Done
from streams.replay.drain import Drain, Moved
from streams.replay.join import join
from streams.replay.outlet import Outlet
from streams.replay.plan import Plan, load, make_plan, turn_key
from streams.replay.run import judge
from streams.replay.select import Selection
from streams.replay.topics import partitions, scan
from streams.stage import tables_path
from streams.stages import extract, prefilter, sinks
from streams.table import TableStore

Moving = Callable[[str], Moved]

BATCH: Final = 500


class OtherRules(Exception):
    """The lineage was made under other rules. One line that says what to do."""


def lineage_settings(settings: Settings, name: str, output: Path | None) -> Settings:
    """Return the settings of a lineage: its own topics, home and output, and all else alike."""
    paths = settings.paths.model_copy(
        update={
            "home": settings.paths.home / "lineages" / name,
            "output": output or settings.paths.output / "lineages" / name,
        }
    )
    # Not below the live prefix: what watches the live topics does not watch these.
    broker = settings.broker.model_copy(update={"prefix": f"{settings.broker.prefix}-{name}"})
    return settings.model_copy(update={"paths": paths, "broker": broker})


def open_lineage(live: Settings, settings: Settings) -> Broker:
    """Open the broker that keeps the live line, for the topics of a lineage.

    Raises:
        BrokerError: it can't be reached.
    """
    if live.broker.url == "embedded":
        return EmbeddedBroker(log_path(live), settings)
    return open_broker(settings)


def hold_to_rules(settings: Settings) -> None:
    """Note the rules that a lineage is made by, and refuse to go on with others.

    Raises:
        OtherRules: it was begun under other rules.
        OSError: its home can't be written.
    """
    rules = digest(
        "lineage",
        extract.VERSION,
        prefilter.VERSION,
        settings.extract.model_dump(mode="json"),
        settings.tail.model_dump(mode="json"),
        settings.prefilter.model_dump(mode="json"),
    )
    path = settings.paths.home / "lineage.json"
    if path.exists():
        if json.loads(path.read_text(encoding="utf-8"))["rules"] != rules:
            raise OtherRules(
                f"lineage {settings.paths.home.name!r} was begun with other [extract], [tail] or "
                "[prefilter] settings, and turns of both would mix; give this one another name"
            )
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps({"rules": rules}) + "\n", encoding="utf-8")
    os.replace(temporary, path)


async def cut(live: Broker, own: Broker, settings: Settings, moving: Moving) -> None:
    """Make turns and candidates of all entries there are.

    Args:
        live: has the entries.
        own: takes what follows.
        settings: of the lineage.
        moving: gives the counter of a kind of work.

    Raises:
        BrokerError: the broker is not there.
    """
    await _drain(
        "extract", extract.VERSION, extract.ExtractHandler(settings), (ENTRIES,), live, own,
        settings, moving("extract"),
    )  # fmt: skip
    handler = prefilter.PrefilterHandler(Prefilter(settings.prefilter))
    await _drain(
        "prefilter", prefilter.VERSION, handler, (TURNS,), own, own, settings, moving("prefilter")
    )


async def reuse(live: Broker, own: Broker, settings: Settings) -> int:
    """Take over the live judgements of turns that are, byte for byte, what they are in the live
    line, and return how many. One partition's turns are held in memory at a time.

    Raises:
        BrokerError: the broker is not there.
    """
    taken = 0
    for number in range(partitions(own, CANDIDATES, settings)):
        mine = await _contents(own, number)
        same = {
            turn
            for turn, content in (await _contents(live, number)).items()
            if mine.get(turn) == content
        }
        have = {record.value async for record in scan(own, JUDGEMENTS, number)}
        batch: list[Outgoing] = []
        async for record in scan(live, JUDGEMENTS, number):
            value = load(record.value)
            if value is None or value.get("status") == "skipped" or record.value in have:
                continue
            if turn_key(value["turn_id"]) in same:
                batch.append(Outgoing(JUDGEMENTS, record.key or b"", record.value))
            if len(batch) == BATCH:
                await own.publish(batch)
                taken += len(batch)
                batch = []
        if batch:
            await own.publish(batch)
            taken += len(batch)
    return taken


async def plan(own: Broker, settings: Settings) -> Plan:
    """Return which judgements the panel that feeds the sinks lacks in the lineage.

    Raises:
        BrokerError: the broker is not there.
    """
    (panel,) = (each for each in settings.all_panels if each.name == settings.sinks.panel)
    current = edition(panel, settings.judges)
    return await make_plan(own, settings, current, Selection(), fed_by=current.label)


async def finish(own: Broker, settings: Settings, ahead: Plan, done: Done, moving: Moving) -> None:
    """Have the missing judgements made, join them, and write turn files and pairs.

    Raises:
        BrokerError: the broker is not there.
        SinkError: a file can't be written.
        ValueError: a judge's settings can't work.
    """
    await judge(own, settings, ahead, Outlet(own), done)
    await join(own, settings, ahead.edition, moved=moving("joined"))
    for name in ("turnfiles", "pairs"):
        handler = sinks.make_handler(name, settings)
        await _drain(
            name, sinks.VERSIONS[name], handler, handler.topics, own, own, settings,
            moving(name), worker=True,
        )  # fmt: skip


async def _drain(
    name: str,
    version: str,
    handler: Handler,
    topics: tuple[str, ...],
    source: Broker,
    target: Broker,
    settings: Settings,
    moved: Moved,
    *,
    worker: bool = False,
) -> None:
    store = TableStore(tables_path(settings) / name, f"{target.lineage} {version}")
    try:
        drain = Drain(
            name, handler, store, source, target, settings,
            scope="worker" if worker else "partition",
        )  # fmt: skip
        await drain.run(topics, moved)
    finally:
        store.close()


async def _contents(broker: Broker, partition: int) -> dict[bytes, bytes]:
    """Return by turn what its candidate says, as a digest."""
    return {
        turn_key((record.key or b"").decode("ascii", "replace")): blake2b(
            record.value or b"", digest_size=16
        ).digest()
        async for record in scan(broker, CANDIDATES, partition)
    }
