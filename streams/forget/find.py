"""Which records are to be forgotten.

First the log lines and turns that are meant themselves, then what was made of those turns: any
record that names one. A turn that a fork holds too stays there, and so do its judgements.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

import orjson

from schemas.topics import CANDIDATES, DEADLETTERS, ENTRIES, PAIRS, TOOLS, TRAINING, TURNS
from streams.embedded.records import Partition, Record
from streams.forget.forgotten import Forgotten
from streams.forget.records import Records
from streams.forget.target import Target
from streams.tail.names import parse_followed
from streams.tail.records import line_of

_ID = re.compile(rb"[0-9a-f]{32}")


@dataclass(slots=True)
class Found:
    """What goes.

    Attributes:
        offsets: the records, by partition.
        topics: how many of each topic.
        turns: ids of turns that no session holds any more.
        sessions: those the records are of.
        copies: sessions that hold copies of the turns and keep them.
        lines: digests of the log lines.
        definitions: digests of the definitions of tools, which are kept out as lines are.
        pairs: ids of preference pairs that go.
        first_pair_ms: when the first of them was published; None if none goes.
    """

    offsets: dict[Partition, list[int]] = field(default_factory=dict)
    topics: Counter[str] = field(default_factory=Counter)
    turns: set[str] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)
    copies: set[str] = field(default_factory=set)
    lines: list[str] = field(default_factory=list)
    definitions: list[str] = field(default_factory=list)
    pairs: set[str] = field(default_factory=set)
    first_pair_ms: int | None = None

    def take(self, at: Partition, record: Record) -> None:
        """Add a record."""
        self.offsets.setdefault(at, []).append(record.offset)
        self.topics[at[0]] += 1

    def names_a_turn(self, value: bytes) -> bool:
        """Whether the bytes have the id of a turn that goes."""
        return bool(self.turns) and any(
            match[0].decode() in self.turns for match in _ID.finditer(value)
        )


def has_session(records: Records, session: str) -> bool:
    """Whether there are lines of a session."""
    key = session.encode()
    return any(record.key == key for _, record in _records(records, ENTRIES))


def find(
    records: Records, target: Target, forgotten: Forgotten, known: Iterable[str] = ()
) -> Found:
    """Return what is to be forgotten.

    Args:
        records: where it is looked for.
        target: what is meant.
        forgotten: makes the digests.
        known: ids of turns that were found before, and may have gone since.

    Raises:
        LogError, BrokerError: they can't be read.
    """
    found = Found(turns=set(known))
    places = _find_lines(records, target, forgotten, found)
    _find_turns(records, target, places, found)
    for at, record in _records(records):
        topic, value = base(at[0]), record.value or b""
        if topic in (ENTRIES, TURNS, CANDIDATES, TRAINING):
            continue
        if (
            found.names_a_turn(value)
            or found.names_a_turn(record.key or b"")
            or (topic == DEADLETTERS and _is_letter_of(target, value))
            or (topic == TOOLS and _is_offer_of(target, value))
            or target.in_bytes(value)
        ):
            found.take(at, record)
            if topic == TOOLS and target.kind != "session":
                found.definitions.append(forgotten.digest(value))
            if topic == PAIRS and value:
                found.pairs.add((record.key or b"").decode())
                at_ms = record.time_ms
                found.first_pair_ms = min(found.first_pair_ms or at_ms, at_ms)
    return found


def base(topic: str) -> str:
    """Return a topic's name without its prefix, which a lineage has one of its own."""
    return topic.rpartition(".")[2]


def _find_lines(
    records: Records, target: Target, forgotten: Forgotten, found: Found
) -> dict[str, list[int]]:
    """Take the entries, and return by file at which bytes they stood."""
    places: dict[str, list[int]] = {}
    key = target.given.encode()
    for at, record in _records(records, ENTRIES):
        value = record.value or b""
        whole = target.kind == "session" and record.key == key
        line = line_of(value)
        if not whole and (line is None or not target.in_bytes(line)):
            continue
        found.take(at, record)
        found.sessions.add((record.key or b"").decode())
        if line is not None:
            found.lines.append(forgotten.digest(line))
            origin = orjson.loads(value)["origin"]
            places.setdefault(origin["file"], []).append(origin["offset"])
    return places


def _find_turns(
    records: Records, target: Target, places: dict[str, list[int]], found: Found
) -> None:
    kept: dict[str, str] = {}
    for topic in (TURNS, CANDIDATES):
        for at, record in _records(records, topic):
            turn = orjson.loads(record.value or b"{}")
            if _is_meant(target, turn, places):
                found.take(at, record)
                found.turns.add(turn["id"])
                found.sessions.add(turn["session"])
            elif topic == TURNS and "id" in turn:
                kept[turn["id"]] = turn["session"]
    found.copies = {kept[turn] for turn in found.turns & kept.keys()}
    found.turns -= kept.keys()


def _is_meant(target: Target, turn: dict[str, Any], places: dict[str, list[int]]) -> bool:
    if target.kind == "session":
        return bool(turn.get("session") == target.given)
    if target.matches(turn):
        return True
    # A long result is cut in the turn, and the pattern may have stood in what was left out.
    place = turn.get("place", {})
    return any(
        place["first_offset"] <= offset <= place["last_offset"]
        for offset in places.get(place.get("file", ""), ())
    )


def _is_letter_of(target: Target, value: bytes) -> bool:
    letter = orjson.loads(value or b"{}")
    name = parse_followed(PurePath(letter.get("source", "")).name)
    if target.kind == "session":
        own = name is not None and name.session == target.given
        return own or f'"session":"{target.given}"' in letter.get("raw", "")
    return target.in_bytes(letter.get("raw", "").encode())


def _is_offer_of(target: Target, value: bytes) -> bool:
    """Whether it is what a session's model was offered. Definitions are no session's."""
    return target.kind == "session" and orjson.loads(value or b"{}").get("session") == target.given


def _records(records: Records, topic: str | None = None) -> Iterator[tuple[Partition, Record]]:
    """Yield those of all topics, or of the topics with one name under whatever prefix."""
    for each in records.topics():
        if topic is not None and base(each.name) != topic:
            continue
        for number in range(each.partitions):
            start = 0
            while read := records.read(each.name, number, start):
                for record in read:
                    # What keeps the place of a record that was forgotten has nothing in it.
                    if record.key is not None or record.value is not None:
                        yield (each.name, number), record
                start = read[-1].offset + 1
