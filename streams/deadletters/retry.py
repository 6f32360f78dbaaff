"""Reading again what could not be read.

A retry looks first whether the input can be read now, after an upgrade, another setting or a
repair by hand. If so it is put on its topic once more, where every stage that reads the topic gets
it again under the id that it always had, and the letter is marked as resolved. If not, nothing is
published and the letter stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import orjson
from pydantic import ValidationError

from agents.extract import Extractor
from schemas.deadletter import DeadLetter
from schemas.entry import Entry
from schemas.judgement import Judgement
from schemas.record import Record
from schemas.settings import Settings
from schemas.table import MemoryTable
from schemas.topics import CANDIDATES, DEADLETTERS, ENTRIES, JUDGEMENTS, TURNS, VERDICTS
from schemas.turn import Turn
from schemas.verdict import Verdict
from streams.broker import Broker
from streams.deadletters.reading import Letter
from streams.flow import Outgoing
from streams.replay.topics import partitions, scan
from streams.tail.guard import open_guard
from streams.tail.lines import split
from streams.tail.names import parse_followed
from streams.tail.records import STAGE as TAIL
from streams.tail.records import Records
from streams.tail.trajectory import Offers, Said

RECORDS: Final[Mapping[str, type[Record]]] = {
    ENTRIES: Entry,
    TURNS: Turn,
    CANDIDATES: Turn,
    JUDGEMENTS: Judgement,
    VERDICTS: Verdict,
}
CHUNK: Final = 1 << 20


class StillUnreadable(Exception):
    """It can't be read now either. One line that says why."""


async def retry(letter: Letter, broker: Broker, settings: Settings) -> None:
    """Read a dead letter's input again, publish what it is, and mark the letter as resolved.

    Raises:
        StillUnreadable: it can't be read now either, or is no longer there.
        BrokerError: the broker is not there.
    """
    record = letter.record
    again = (
        await _from_topic(record, broker, settings)
        if record.source.startswith(f"{broker.prefix}.")
        else await asyncio.to_thread(_from_file, record, settings)
        if record.stage == TAIL
        else await _from_entries(record, broker, settings)
    )
    resolved = record.model_copy(update={"resolved": True, "raw": "", "omitted_bytes": 0})
    # In this order a kill in between leaves the letter open, and a second retry does no harm.
    await broker.publish(again)
    await broker.publish([Outgoing(DEADLETTERS, letter.key, resolved.to_bytes())])


async def _from_topic(letter: DeadLetter, broker: Broker, settings: Settings) -> list[Outgoing]:
    """Return a topic's record, to be sent once more to the stages that read the topic."""
    topic = letter.source.removeprefix(f"{broker.prefix}.")
    partition, _, offset = letter.position.partition(":")
    if topic not in RECORDS or not (partition.isdecimal() and offset.isdecimal()):
        raise StillUnreadable(f"{letter.source} {letter.position} is no place that is read again")
    if int(partition) >= partitions(broker, topic, settings):
        raise StillUnreadable(f"{letter.source} has no partition {partition}")
    at = int(offset)
    found = await broker.read(topic, int(partition), at, at + 1)
    if not found or found[0].value is None:
        raise StillUnreadable(
            f"{letter.source} {letter.position} is gone (retention, or forgotten)"
        )
    try:
        RECORDS[topic].from_bytes(found[0].value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise StillUnreadable(f"{where}: {first['msg']}" if where else first["msg"]) from None
    return [Outgoing(topic, found[0].key or b"", found[0].value)]


def _from_file(letter: DeadLetter, settings: Settings) -> list[Outgoing]:
    """Return the entry of a line that the tailer could not read, or what an event of a trajectory
    offers."""
    source, offset = Path(letter.source), int(letter.position)
    name = parse_followed(source.name)
    if name is None:
        raise StillUnreadable(f"{source} is no session file")
    limit = settings.tail.max_line_bytes
    for path in _generations(source):
        try:
            with path.open("rb") as file:
                if offset and (file.seek(offset - 1), file.read(1))[1] != b"\n":
                    continue

                def read(size: int, position: int) -> bytes:
                    file.seek(position)
                    return file.read(size)

                line = next(split(read, offset, chunk=CHUNK, slice_bytes=1, max_line=limit), None)
                inode = path.stat().st_ino
        except OSError as error:
            raise StillUnreadable(f"{path} can't be read: {error.strerror}") from None
        if line is None:
            continue
        agent = source.parent.parent.name
        guard = open_guard(settings)
        records = Records(
            source=letter.source,
            file=f"agents/{agent}/sessions/{source.name}",
            agent=agent,
            session=name.session,
            inode=inode,
            guard=guard,
        )
        if name.trajectory:
            made = list(Offers(agent, name.session, records, guard, Said()).of_line(line, limit))
        else:
            entry = records.of_line(line, limit)
            made = [] if entry is None else [entry]
        if not made:
            raise StillUnreadable("the line is blank now, or its session is forgotten")
        if made[0].topic == DEADLETTERS:
            raise StillUnreadable(DeadLetter.from_bytes(made[0].value or b"").reason)
        return made
    raise StillUnreadable(f"{source} has no line at byte {offset} any more")


def _generations(source: Path) -> Iterator[Path]:
    """Yield the transcript's file and those that OpenClaw has put away, the newest first."""
    names = [
        (name.age, path)
        for path in (source.parent.iterdir() if source.parent.is_dir() else ())
        if (name := parse_followed(path.name)) is not None and name.transcript == source.name
    ]
    yield from (path for _, path in sorted(names, reverse=True))


async def _from_entries(letter: DeadLetter, broker: Broker, settings: Settings) -> list[Outgoing]:
    """Return the entry that extraction could not use."""
    if not letter.position.isdecimal():
        raise StillUnreadable(f"{letter.source} {letter.position} is no place that is read again")
    offset = int(letter.position)
    for number in range(partitions(broker, ENTRIES, settings)):
        async for record in scan(broker, ENTRIES, number):
            # Reading all of them as JSON would take much longer than this.
            if b'"offset":%d}' % offset not in (record.value or b""):
                continue
            value = orjson.loads(record.value or b"")
            origin = value["origin"]
            if (origin["file"], origin["offset"]) != (letter.source, offset):
                continue
            extractor = Extractor(settings.extract, settings.tail)
            for made in extractor.apply_record(value, MemoryTable()):
                if isinstance(made, DeadLetter):
                    raise StillUnreadable(made.reason)
            return [Outgoing(ENTRIES, record.key or b"", record.value)]
    raise StillUnreadable(f"no entry of {letter.source} at byte {offset} is on the topic")
