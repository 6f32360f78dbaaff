"""What connects the rooms that decide to the stages that run them: records in, records out."""

from __future__ import annotations

from collections.abc import Iterable

import orjson
from pydantic import TypeAdapter

from agents.ensemble import Ensemble
from agents.extract import Extractor
from agents.judges.signals import SignalsJudge
from agents.prefilter import Prefilter
from schemas.deadletter import DeadLetter
from schemas.entry import Entry, Origin
from schemas.judgement import Judgement
from schemas.reaction import Reaction
from schemas.settings import Settings
from schemas.table import Table
from schemas.topics import CANDIDATES, DEADLETTERS, JUDGEMENTS, REACTIONS, TURNS, VERDICTS
from schemas.turn import Turn
from schemas.verdict import Verdict
from sinks import Sink
from streams.flow import Incoming, Outgoing

_ORIGIN = TypeAdapter(Origin)


class ExtractHandler:
    """`entries` to `turns`, `reactions` and `deadletters`."""

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
        return [_extracted(found) for found in extractor.apply_record(_entry(record), table)]


class PrefilterHandler:
    """`turns` to `candidates`, or to a skip on `judgements`."""

    def __init__(self, settings: Settings) -> None:
        self._prefilter = Prefilter(settings.prefilter)

    def apply(self, record: Incoming, table: Table) -> list[Outgoing]:
        """Take in one turn."""
        turn = Turn.from_bytes(record.value or b"")
        decision = self._prefilter.apply(turn, table)
        if decision is None:
            return []
        if isinstance(decision, Judgement):
            return [judged(decision)]
        return [Outgoing(CANDIDATES, turn.id.encode(), record.value)]


class SignalsHandler:
    """`candidates` to `judgements`, by a judge that answers at once."""

    def __init__(self, judge: SignalsJudge) -> None:
        self._judge = judge

    def apply(self, record: Incoming, table: Table) -> list[Outgoing]:  # noqa: ARG002 - stateless
        """Judge one turn."""
        turn = Turn.from_bytes(record.value or b"")
        return [judged(self._judge.judge_now(turn, turn.reaction))]


class EnsembleHandler:
    """`judgements` to `verdicts` of one panel."""

    def __init__(self, ensemble: Ensemble) -> None:
        self._ensemble = ensemble

    def apply(self, record: Incoming, table: Table) -> list[Outgoing]:
        """Take in one judgement."""
        judgement = Judgement.from_bytes(record.value or b"")
        return _verdicts(self._ensemble.apply(judgement, record.timestamp_ms, table))

    def next_due(self, table: Table) -> int | None:
        """Return when the next window closes (epoch milliseconds)."""
        return self._ensemble.next_due(table)

    def due(self, now_ms: int, table: Table) -> list[Outgoing]:
        """Close the windows whose deadline has passed."""
        return _verdicts(self._ensemble.due(now_ms, table))


class SinkHandler:
    """`turns` and `verdicts` to files, and for pairs to `pairs`."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink

    def apply(self, record: Incoming, table: Table) -> list[Outgoing]:
        """Take in one turn or verdict."""
        outputs = self.sink.apply(record.topic, record.value or b"", table)
        return [Outgoing(output.topic, output.key, output.value) for output in outputs]

    def flush_in(self) -> float | None:
        """Return in how many seconds a file is to be written."""
        return self.sink.flush_in()

    def flush(self, table: Table, *, everything: bool = False) -> None:
        """Write the files that are due."""
        self.sink.flush(table, everything=everything)


def judged(judgement: Judgement) -> Outgoing:
    """Return the record that carries a judgement."""
    return Outgoing(JUDGEMENTS, judgement.turn_id.encode(), judgement.to_bytes())


def _entry(record: Incoming) -> dict[str, object]:
    """Return an entry as parsed JSON: its line is not modelled again for every reader.

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


def _extracted(found: Turn | Reaction | DeadLetter) -> Outgoing:
    if isinstance(found, Turn):
        return Outgoing(TURNS, found.session.encode(), found.to_bytes())
    if isinstance(found, Reaction):
        return Outgoing(REACTIONS, found.turn_id.encode(), found.to_bytes())
    return Outgoing(DEADLETTERS, found.id.encode(), found.to_bytes())


def _verdicts(verdicts: Iterable[Verdict]) -> list[Outgoing]:
    return [
        Outgoing(VERDICTS, verdict.turn_id.encode(), verdict.to_bytes()) for verdict in verdicts
    ]
