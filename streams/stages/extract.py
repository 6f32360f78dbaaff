"""The stage `extract`: `entries` to `turns`, `reactions` and `deadletters`."""

from __future__ import annotations

import orjson
from pydantic import TypeAdapter

from agents.extract import Extracted, Extractor
from schemas.entry import Entry, Origin
from schemas.reaction import Reaction
from schemas.settings import Settings
from schemas.table import Table
from schemas.topics import DEADLETTERS, ENTRIES, REACTIONS, TURNS
from schemas.turn import Turn
from streams.batch import BatchStage
from streams.broker import Broker
from streams.flow import Incoming, Outgoing

VERSION = "extract 2"

_ORIGIN = TypeAdapter(Origin)


def make(name: str, settings: Settings, broker: Broker) -> BatchStage:
    """Return the stage, not yet started."""
    return BatchStage(name, (ENTRIES,), VERSION, ExtractHandler(settings), settings, broker)


class ExtractHandler:
    """Cuts sessions into turns."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Each partition has a table of its own, and an extractor remembers what it read of one.
        self._extractors: dict[int, Extractor] = {}

    def apply(self, record: Incoming, table: Table) -> list[Outgoing]:
        """Take in one entry."""
        extractor = self._extractors.get(record.partition)
        if extractor is None:
            extractor = Extractor(self._settings.extract, self._settings.tail)
            self._extractors[record.partition] = extractor
        return [_outgoing(found) for found in extractor.apply_record(_entry(record), table)]


def _entry(record: Incoming) -> dict[str, object]:
    """Return an entry as parsed JSON; the extractor models its line by itself.

    Raises:
        pydantic.ValidationError: the bytes are no Entry.
    """
    try:
        value = orjson.loads(record.value or b"")
        _ORIGIN.validate_python(value["origin"])
        if value["kind"] == "line" and isinstance(value["entry"], dict) and value["id"]:
            return dict(value)
    except (orjson.JSONDecodeError, KeyError, TypeError):
        value = None
    return Entry.from_bytes(record.value or b"").model_dump(by_alias=True)


def _outgoing(found: Extracted) -> Outgoing:
    if isinstance(found, Turn):
        return Outgoing(TURNS, found.session.encode(), found.to_bytes())
    if isinstance(found, Reaction):
        return Outgoing(REACTIONS, found.turn_id.encode(), found.to_bytes())
    return Outgoing(DEADLETTERS, found.id.encode(), found.to_bytes())
