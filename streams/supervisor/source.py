"""The line's topics for the supervisor: of whichever broker, opened once it can be."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

from streams.embedded.log import Log
from streams.embedded.topics import LogTopics
from streams.flow import BrokerError
from streams.status.flow import measure
from streams.supervisor.feed.feed import SHOWN, TURNS, VERDICTS
from streams.supervisor.feed.follow import Arrived, Follower, follow

if TYPE_CHECKING:
    from streams.kafka.broker import KafkaBroker
    from streams.supervisor.plan import Plan

    Opened = LogTopics | KafkaBroker

LOOKBACK = 200
"""Turns of each partition whose words are read at the start, for verdicts that come later."""

ALL = 1 << 62

PAUSE = 2.0
"""Seconds until a broker that could not be reached is tried again; the stages try, too."""


class Source:
    """The topics of a plan.

    Raises:
        LogError: the embedded log can't be opened.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._opening = asyncio.Lock()
        self.opened: Opened | None = None
        if plan.log:
            os.makedirs(os.path.dirname(plan.log), mode=0o700, exist_ok=True)
            self.opened = LogTopics(Log(plan.log), plan.prefix)

    async def open(self) -> Opened:
        """Return the topics; wait for a broker that is away. The stages say that it is."""
        async with self._opening:
            while self.opened is None:
                try:
                    self.opened = await asyncio.to_thread(_kafka)
                except BrokerError:
                    await asyncio.sleep(PAUSE)
            return self.opened

    async def arrivals(self, known: Callable[[int], None]) -> AsyncGenerator[list[Arrived], None]:
        """Yield what comes out of the line, as it comes.

        Args:
            known: told first how many verdicts are there from earlier.

        Raises:
            BrokerError: Kafka refused.
        """
        broker = await self.open()
        if isinstance(broker, LogTopics):
            names = [f"{broker.prefix}.{topic}" for topic in SHOWN]
            follower = Follower(broker.log, names, {f"{broker.prefix}.{TURNS}": LOOKBACK})
            known(await _verdicts(broker))
            async with aclosing(follow(broker.log, follower, names)) as batches:
                async for batch in batches:
                    yield batch
            return
        lookback = {TURNS: LOOKBACK}
        # The first stage that starts makes them.
        while missing := set(SHOWN) - (await broker.topics()).keys():
            lookback |= dict.fromkeys(missing, ALL)
            await asyncio.sleep(PAUSE)
        known(await _verdicts(broker))
        async with aclosing(broker.follow(SHOWN, lookback)) as found:
            async for records in found:
                yield [Arrived(f"{broker.prefix}.{record.topic}", record) for record in records]

    def close(self) -> None:
        """Let go of the broker."""
        if self.opened is not None:
            self.opened.close()


def _kafka() -> KafkaBroker:
    # The embedded log needs none of this, and the supervisor would carry it all day.
    from streams.kafka.broker import KafkaBroker
    from streams.settings import find, load

    # The stages say it where Kafka is away.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    return KafkaBroker(load(find(None)))


async def _verdicts(broker: Opened) -> int:
    flow = await measure(broker, ())
    return sum(topic.records for topic in flow.topics if topic.name == VERDICTS)
