"""The stages `ensemble.<panel>@<edition>`: `judgements` to `verdicts` of one panel."""

from __future__ import annotations

import asyncio

from agents.ensemble import Edition, Ensemble, edition
from schemas.judgement import Judgement
from schemas.settings import Settings
from schemas.table import Table
from schemas.topics import JUDGEMENTS, VERDICTS
from schemas.verdict import Verdict
from streams.batch import BatchStage
from streams.broker import Broker
from streams.flow import Incoming, Outgoing
from streams.stage import seat_table
from streams.status.panels import write_panel
from streams.watching import Watching

VERSION = "ensemble 2"

BATCH = 2000
"""Judgements in a batch: they are small, and each batch costs a write to the disk."""

TABLE_BYTES = 16 << 20
"""Memory for the table: with a quarter of it the join takes a third more processor time, in
compaction."""

TELL_EVERY = 5.0
"""Seconds between two times that the panel's agreement is written down."""


def make(name: str, settings: Settings, broker: Broker) -> PanelStage:
    """Return the stage, not yet started.

    A name with an edition that the settings no longer have makes the panel's present one.
    """
    panel_name = name.removeprefix("ensemble.").partition("@")[0]
    (panel,) = (panel for panel in settings.all_panels if panel.name == panel_name)
    current = edition(panel, settings.judges)
    return PanelStage(name, Ensemble(panel, current), current, settings, broker)


def stage_name(edition: Edition) -> str:
    """Return the name of the stage that joins for an edition of a panel."""
    return f"ensemble.{edition.label}"


class PanelStage(BatchStage):
    """The join, and a watch over the judges that take part in it."""

    def __init__(
        self, name: str, ensemble: Ensemble, current: Edition, settings: Settings, broker: Broker
    ) -> None:
        self._agreement = Watching()
        handler = EnsembleHandler(ensemble, self._agreement)
        # A changed panel has windows and verdicts of its own, over all that was ever judged.
        self._label, group = current.label, stage_name(current)
        super().__init__(
            name,
            (JUDGEMENTS,),
            VERSION,
            handler,
            settings,
            broker,
            group=group,
            batch=BATCH,
            table_bytes=TABLE_BYTES,
        )
        self._reporting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Join the consumer group and begin."""
        await super().start()
        self._reporting = asyncio.create_task(self._tell(), name=f"{self.name} watch")

    async def stop(self) -> None:
        """Write the figures down and leave."""
        if self._reporting is not None:
            self._reporting.cancel()
        if not self.failed.done():
            await self._save()
        await super().stop()

    def assigned(self) -> None:
        """Begin again from the tables: partitions may have been elsewhere."""
        super().assigned()
        self._agreement.forget()
        self._agreement.load(self._table(partition) for partition in sorted(self._partitions))

    async def _tell(self) -> None:
        try:
            while True:
                await asyncio.sleep(TELL_EVERY)
                await self._save()
        except Exception as error:  # noqa: BLE001 - as for records: the supervisor starts anew
            self.fail(error)

    async def _save(self) -> None:
        async with self._busy:
            if self._opened is None or not self._agreement.changed:
                return
            self._agreement.save()
            self.store.commit()
        number = self._seat.number if self._seat else 0
        state = self._agreement.state(self._label)
        write_panel(self.settings.paths.home, seat_table(self.name, number), state)


class EnsembleHandler:
    """Joins the judges' streams; `watching` sees each verdict."""

    def __init__(self, ensemble: Ensemble, watching: Watching | None = None) -> None:
        self._ensemble = ensemble
        self._watching = watching

    def apply(self, record: Incoming, table: Table) -> list[Outgoing]:
        """Take in one judgement."""
        judgement = Judgement.from_bytes(record.value or b"")
        verdicts = self._ensemble.apply(judgement, record.timestamp_ms, table)
        return self._noted(verdicts, table)

    def next_due(self, table: Table) -> int | None:
        """Return when the next window closes (epoch milliseconds), or None if none is open."""
        return self._ensemble.next_due(table)

    def due(self, now_ms: int, table: Table) -> list[Outgoing]:
        """Close the windows whose deadline has passed."""
        verdicts = self._ensemble.due(now_ms, table)
        return self._noted(verdicts, table)

    def _noted(self, verdicts: list[Verdict], table: Table) -> list[Outgoing]:
        if self._watching is not None:
            self._watching.note(verdicts, table)
        return [
            Outgoing(VERDICTS, verdict.turn_id.encode(), verdict.to_bytes()) for verdict in verdicts
        ]
