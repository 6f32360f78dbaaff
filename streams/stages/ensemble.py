"""The stages `ensemble.<panel>@<edition>`: `judgements` to `verdicts` of one panel."""

from __future__ import annotations

from agents.ensemble import Edition, Ensemble, edition
from schemas.judgement import Judgement
from schemas.settings import Settings
from schemas.table import Table
from schemas.topics import JUDGEMENTS, VERDICTS
from schemas.verdict import Verdict
from streams.batch import BatchStage
from streams.broker import Broker
from streams.flow import Incoming, Outgoing

VERSION = "ensemble 1"


def make(name: str, settings: Settings, broker: Broker) -> BatchStage:
    """Return the stage, not yet started.

    A name with an edition that the settings no longer have makes the panel's present one.
    """
    panel_name = name.removeprefix("ensemble.").partition("@")[0]
    (panel,) = (panel for panel in settings.all_panels if panel.name == panel_name)
    current = edition(panel, settings.judges)
    handler = EnsembleHandler(Ensemble(panel, current))
    # A changed panel has windows and verdicts of its own, over all that was ever judged.
    group = stage_name(current)
    return BatchStage(name, (JUDGEMENTS,), VERSION, handler, settings, broker, group=group)


def stage_name(edition: Edition) -> str:
    """Return the name of the stage that joins for an edition of a panel."""
    return f"ensemble.{edition.label}"


class EnsembleHandler:
    """Joins the judges' streams."""

    def __init__(self, ensemble: Ensemble) -> None:
        self._ensemble = ensemble

    def apply(self, record: Incoming, table: Table) -> list[Outgoing]:
        """Take in one judgement."""
        judgement = Judgement.from_bytes(record.value or b"")
        return _outgoing(self._ensemble.apply(judgement, record.timestamp_ms, table))

    def next_due(self, table: Table) -> int | None:
        """Return when the next window closes (epoch milliseconds), or None if none is open."""
        return self._ensemble.next_due(table)

    def due(self, now_ms: int, table: Table) -> list[Outgoing]:
        """Close the windows whose deadline has passed."""
        return _outgoing(self._ensemble.due(now_ms, table))


def _outgoing(verdicts: list[Verdict]) -> list[Outgoing]:
    return [
        Outgoing(VERDICTS, verdict.turn_id.encode(), verdict.to_bytes()) for verdict in verdicts
    ]
