"""The stages `turnfiles` and `pairs`: what was scored to files, and to `pairs`."""

from __future__ import annotations

from agents.ensemble import edition
from agents.judges.signals.words import hear
from schemas.settings import Settings
from schemas.table import Table
from sinks import PairsSink, Sink, TurnFiles
from streams.batch import BatchStage
from streams.broker import Broker
from streams.flow import Incoming, Outgoing

VERSIONS = {"turnfiles": "turnfiles 1", "pairs": "pairs 3"}


def make(name: str, settings: Settings, broker: Broker) -> BatchStage:
    """Return the stage of that name, not yet started."""
    handler = make_handler(name, settings)
    return BatchStage(
        name, handler.topics, VERSIONS[name], handler, settings, broker, scope="worker"
    )


def make_handler(name: str, settings: Settings) -> SinkHandler:
    """Return the decisions of the stage of that name."""
    return SinkHandler(_turn_files(settings) if name == "turnfiles" else _pairs(settings))


class SinkHandler:
    """Writes files from its table when they are due."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    @property
    def topics(self) -> tuple[str, ...]:
        """What it reads."""
        return self._sink.topics

    def apply(self, record: Incoming, table: Table) -> list[Outgoing]:
        """Take in one record."""
        outputs = self._sink.apply(record.topic, record.value or b"", table)
        return [Outgoing(output.topic, output.key, output.value) for output in outputs]

    def begin(self, table: Table) -> list[Outgoing]:
        """Make the pairs of another panel, or of other rules, from what the table holds."""
        if not isinstance(self._sink, PairsSink):
            return []
        outputs = self._sink.rule(table)
        return [Outgoing(output.topic, output.key, output.value) for output in outputs]

    def flush_in(self) -> float | None:
        """Return in how many seconds a file is to be written, or None if none is."""
        return self._sink.flush_in()

    def flush(self, table: Table, *, everything: bool = False) -> None:
        """Write the files that are due."""
        self._sink.flush(table, everything=everything)


def _turn_files(settings: Settings) -> TurnFiles:
    sinks = settings.sinks
    return TurnFiles(settings.paths.output, panel_label(settings), sinks.timezone, sinks.flush)


def _pairs(settings: Settings) -> PairsSink:
    sinks = settings.sinks
    return PairsSink(
        settings.paths.output, panel_label(settings), settings.pairs, asks_again, sinks.flush
    )


def asks_again(text: str, request: str) -> bool:
    """Say whether a user's message asks again for what a request asked, or corrects the answer."""
    heard = hear(text, request)
    return heard.correction or heard.repeated


def panel_label(settings: Settings) -> str:
    """Return what the panel that feeds the sinks is called on its verdicts."""
    (panel,) = (panel for panel in settings.all_panels if panel.name == settings.sinks.panel)
    return edition(panel, settings.judges).label
