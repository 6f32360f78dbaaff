"""Waiting for what the user says to a turn.

`reactions` is read beside `candidates`, by its own offset in the stage's table, and each turn's
first reaction is kept there. A turn that waits holds nothing but its place on the topic: it has
not been acknowledged, so after a restart it is read again and waits for what is left of its time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from pydantic import ValidationError

from schemas.reaction import Reaction
from schemas.topics import REACTIONS
from schemas.turn import Turn
from streams.broker import Broker
from streams.table import TableStore

LOOK_EVERY = 2.0
"""Seconds between two looks at the topic while a turn waits."""

MOST_WAITING = 2_000
"""Turns that wait at a time, some 2 kB each; beyond that a turn is judged as it is."""

logger = logging.getLogger(__name__)


class Reactions:
    """The reactions that a judge knows of, and the turns that wait for theirs.

    Args:
        patience: how long after its end a turn waits, in seconds.
        clock: the time in epoch seconds.
    """

    def __init__(
        self,
        broker: Broker,
        store: Callable[[], TableStore],
        patience: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._broker = broker
        self._store = store
        self._patience = patience
        self._clock = clock
        self._reading = asyncio.Lock()
        self._waiting: dict[int, dict[str, asyncio.Event]] = {}
        self._watching: asyncio.Task[None] | None = None
        self.failed: Callable[[BaseException], None] = lambda _: None

    @property
    def waiting(self) -> int:
        """How many turns wait."""
        return sum(len(turns) for turns in self._waiting.values())

    def left(self, turn: Turn) -> float:
        """Return for how many seconds a turn may still wait; 0 or less for not at all.

        Where the user's next message closed it, it carries the reaction; where its session has
        ended or went on from an earlier message, none is to be expected.
        """
        if turn.closed_by != "quiet" or turn.reaction is not None or not self._patience:
            return 0.0
        if self.waiting >= MOST_WAITING:
            return 0.0
        return turn.ended_ms / 1000 + self._patience - self._clock()

    async def find(self, turn_id: str, partition: int) -> Reaction | None:
        """Return the reaction to a turn if the topic has it by now."""
        if not self._patience:
            return None
        await self._read(partition)
        value = self._store().table(str(partition)).get(_key(turn_id))
        return None if value is None else Reaction.from_bytes(value)

    async def wait(self, turn_id: str, partition: int, seconds: float) -> None:
        """Wait until the reaction is there, at most so long."""
        came = self._waiting.setdefault(partition, {}).setdefault(turn_id, asyncio.Event())
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        try:
            async with asyncio.timeout(seconds):
                await came.wait()
        except TimeoutError:
            return
        finally:
            self._waiting[partition].pop(turn_id, None)
            if not self._waiting[partition]:
                del self._waiting[partition]

    def close(self) -> None:
        """Stop looking."""
        if self._watching is not None:
            self._watching.cancel()

    async def _watch(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(LOOK_EVERY)
                for partition in list(self._waiting):
                    await self._read(partition)
        except Exception as error:  # noqa: BLE001 - the stage ends with it, and is started anew
            self.failed(error)

    async def _read(self, partition: int) -> None:
        async with self._reading:
            store = self._store()
            start = store.applied(REACTIONS, partition) or 0
            stop = await self._broker.end(REACTIONS, partition)
            while start < stop and (
                records := await self._broker.read(REACTIONS, partition, start, stop)
            ):
                for record in records:
                    if not record.is_filler:
                        self._take(partition, record.value or b"")
                start = records[-1].offset + 1
                store.advance(REACTIONS, partition, start)
                store.commit()

    def _take(self, partition: int, value: bytes) -> None:
        try:
            reaction = Reaction.from_bytes(value)
        except ValidationError as error:
            logger.warning("passing over a reaction that can't be read: %s", error)
            return
        table = self._store().table(str(partition))
        # Where the tree branches, a turn has several; the first one is what judges get to see.
        if table.get(_key(reaction.turn_id)) is None:
            table.put(_key(reaction.turn_id), value)
        came = self._waiting.get(partition, {}).get(reaction.turn_id)
        if came is not None:
            came.set()


def _key(turn_id: str) -> str:
    return f"reaction/{turn_id}"
