"""A stage: one Faust app with its own consumer group and its own table.

What all stages share stands here: joining the group, opening the table once partitions are
assigned, and stopping. How records are worked off is up to `streams.batch` and `streams.judging`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import faust
from pydantic import ValidationError

from schemas.deadletter import DeadLetter, deadletter_id
from schemas.settings import Settings
from schemas.topics import DEADLETTERS
from streams.broker import Broker
from streams.embedded.bundle import BundleSchema
from streams.embedded.raw import RawSchema
from streams.flow import Incoming, Outgoing
from streams.seats import Seat
from streams.table import MEMORY_BYTES, TableLockedError, TableStore

RAW_CHARS = 100_000
"""How much of an unreadable record its dead letter keeps."""

LOCK_PATIENCE = 20.0
"""Seconds that a stage waits for its predecessor to let go of the table."""

logger = logging.getLogger(__name__)


class Stage(ABC):
    """One stage of the line.

    `failed` is done, with the reason, when the stage can't go on; its process should then end, so
    that the supervisor starts it anew from what is durable.

    Args:
        name: the stage's name; its consumer group is `<prefix>.<name>` unless `group` is given.
        topics: the bare names of what it reads.
        version: changes when the same records would lead to another table, which is then built
            anew from the topics.
        buffered: most events held in memory that the stage has not begun with.
        bundled: take records in bundles, see `streams.embedded.bundle`, and not each as an event.
        group: names its consumer group and its table, where that is not the stage's own name.
        table_bytes: see `TableStore`'s `memory_bytes`.
    """

    def __init__(
        self,
        name: str,
        topics: Sequence[str],
        version: str,
        settings: Settings,
        broker: Broker,
        *,
        buffered: int = 500,
        bundled: bool = False,
        group: str = "",
        table_bytes: int = MEMORY_BYTES,
    ) -> None:
        self.name = name
        self._table_bytes = table_bytes
        self._schema = BundleSchema() if bundled else RawSchema()
        self._group = group or name
        self.topics = tuple(topics)
        self.settings = settings
        self.broker = broker
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lineage = f"{broker.lineage} {version}"
        self._opened: TableStore | None = None
        self._watching: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._partitions: frozenset[int] = frozenset()
        self._cut = len(broker.prefix) + 1
        self._seat = Seat(settings.paths.home, self._group) if broker.shares_partitions else None
        self._member = self._seat.member if self._seat else ""
        self.app = self._make_app(buffered)

    async def start(self) -> None:
        """Join the consumer group and begin."""
        await self.app.start()
        self._watching = asyncio.create_task(self._watch_app(), name=f"{self.name} app")

    async def stop(self) -> None:
        """Leave the group. What was begun and not finished is read again at the next start."""
        if self._watching is not None:
            self._watching.cancel()
        await self.app.stop()
        if self._opened is not None:
            self._opened.close()
            self._opened = None
        if self._seat is not None:
            self._seat.close()

    @property
    def store(self) -> TableStore:
        """The stage's table; it is opened before the first record comes."""
        if self._opened is None:
            raise RuntimeError(f"{self.name}: records came before partitions were assigned")
        return self._opened

    @abstractmethod
    async def work(self, stream: Any) -> None:
        """Work off the stream of events, for ever; an exception ends the stage."""

    def assigned(self) -> None:  # noqa: B027 - most stages have nothing to do here
        """Called when partitions have been assigned and the table is open."""

    def bundle(self, event: Any) -> list[Incoming]:
        """Return the records of an event of a stage that takes bundles."""
        message = event.message
        topic, partition = message.topic[self._cut :], message.partition
        return [
            Incoming(topic, partition, record.offset, record.time_ms, record.key, record.value)
            for record in event.value
        ]

    def incoming(self, event: Any) -> Incoming:
        """Return an event as the record that handlers know."""
        message = event.message
        return Incoming(
            message.topic[self._cut :],
            message.partition,
            message.offset,
            int(message.timestamp * 1000),
            message.key,
            message.value,
        )

    def dead_letter(self, record: Incoming, error: Exception) -> Outgoing:
        """Return the dead letter of a record that could not be read."""
        return dead_letter(self.name, self.broker.prefix, record, error)

    def fail(self, error: BaseException) -> None:
        """End the stage: nothing that is not durable yet counts."""
        if self._opened is not None:
            self._opened.discard()
        if not self.failed.done():
            self.failed.set_exception(error)

    async def _watch_app(self) -> None:
        """Fail with the app: one that has crashed does nothing any more and would live on."""
        await self.app.wait_until_stopped()
        if self.app.crashed:
            self.fail(self.app.crash_reason or RuntimeError("the Faust app has crashed"))

    def _make_app(self, buffered: int) -> faust.App:
        group = f"{self.broker.prefix}.{self._group}"
        data = self.settings.paths.home / "faust" / self._group
        data.mkdir(parents=True, exist_ok=True)
        options = self.broker.faust_settings(self._member) | {"stream_buffer_maxsize": buffered}
        app = faust.App(
            group,
            broker=self.broker.url,
            datadir=str(data),
            topic_partitions=self.settings.broker.partitions,
            **options,
        )
        names = [f"{self.broker.prefix}.{topic}" for topic in self.topics]
        topic = app.topic(*names, schema=self._schema)
        app.agent(topic, name=f"{group}.agent")(self._work)
        app.on_partitions_assigned.connect(self._on_assigned, weak=False)  # type: ignore[arg-type]
        return app

    async def _work(self, stream: Any) -> None:
        try:
            # Faust lets records through before it has told everyone that partitions are assigned.
            await self._ready.wait()
            await self.work(stream)
        except Exception as error:  # noqa: BLE001 - whatever it is, the supervisor starts anew
            # Faust would start the agent again and commit what comes after the records at hand.
            self.fail(error)

    async def _on_assigned(self, _app: Any, assigned: Iterable[Any], **_: Any) -> None:
        names = {f"{self.broker.prefix}.{topic}" for topic in self.topics}
        self._partitions = frozenset(tp.partition for tp in assigned if tp.topic in names)
        try:
            if self._opened is None:
                self._opened = await self._open()
        except Exception as error:  # noqa: BLE001 - Faust would log it and go on without a table
            self.fail(error)
            return
        self.assigned()
        self._ready.set()

    async def _open(self) -> TableStore:
        number = self._seat.number if self._seat else 0
        path = tables_path(self.settings) / seat_table(self._group, number)
        give_up = time.monotonic() + LOCK_PATIENCE
        while True:
            try:
                return await asyncio.to_thread(
                    TableStore, path, self._lineage, memory_bytes=self._table_bytes
                )
            except TableLockedError:
                # The worker that this one replaces may still be closing it.
                if time.monotonic() > give_up:
                    raise
                await asyncio.sleep(0.1)


def dead_letter(stage: str, prefix: str, record: Incoming, error: Exception) -> Outgoing:
    """Return the dead letter of a record that a stage could not read, and say so in the log."""
    source = f"{prefix}.{record.topic}"
    position = f"{record.partition}:{record.offset}"
    reason = _first_line(error)
    unforeseen = None if isinstance(error, ValidationError) else error
    logger.warning("%s: can't use %s %s: %s", stage, source, position, reason, exc_info=unforeseen)
    value = record.value or b""
    letter = DeadLetter(
        id=deadletter_id(stage, source, position, reason),
        stage=stage,
        source=source,
        position=position,
        reason=reason,
        raw=value[:RAW_CHARS].decode("utf-8", "replace"),
        omitted_bytes=max(0, len(value) - RAW_CHARS),
    )
    return Outgoing(DEADLETTERS, letter.id.encode(), letter.to_bytes())


def seat_table(table: str, number: int) -> str:
    """Return the name of a worker's table among those of this machine; the first worker of a stage
    has the stage's own."""
    return table if number == 0 else f"{table}.{number}"


def tables_path(settings: Settings) -> Path:
    """Return where the stages keep their tables."""
    return settings.paths.home / "tables"


def _first_line(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"{type(error).__name__}: {error}"
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else str(first["msg"])
