"""The stage `prefilter`: `turns` to `candidates`, or to a skip on `judgements`."""

from __future__ import annotations

from agents.prefilter import Prefilter
from schemas.judgement import Judgement
from schemas.settings import Settings
from schemas.table import Table
from schemas.topics import CANDIDATES, JUDGEMENTS, TURNS
from schemas.turn import Turn
from streams.batch import BatchStage
from streams.broker import Broker
from streams.flow import Incoming, Outgoing

VERSION = "prefilter 1"


def make(name: str, settings: Settings, broker: Broker) -> BatchStage:
    """Return the stage, not yet started."""
    handler = PrefilterHandler(Prefilter(settings.prefilter))
    return BatchStage(name, (TURNS,), VERSION, handler, settings, broker)


class PrefilterHandler:
    """Passes turns or says by which rule they are dropped."""

    def __init__(self, prefilter: Prefilter) -> None:
        self._prefilter = prefilter

    def apply(self, record: Incoming, table: Table) -> list[Outgoing]:
        """Take in one turn. One that passes is forwarded as it came."""
        turn = Turn.from_bytes(record.value or b"")
        decision = self._prefilter.apply(turn, table)
        if decision is None:
            return []
        key = turn.id.encode()
        if isinstance(decision, Judgement):
            return [Outgoing(JUDGEMENTS, key, decision.to_bytes())]
        return [Outgoing(CANDIDATES, key, record.value)]
