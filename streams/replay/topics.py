"""Reading topics from one end to the other, beside the stages that follow them."""

from __future__ import annotations

from collections.abc import AsyncIterator

from schemas.settings import Settings
from streams.broker import Broker, EmbeddedBroker
from streams.flow import Incoming


def partitions(broker: Broker, topic: str, settings: Settings) -> int:
    """Return how many partitions a topic has."""
    if isinstance(broker, EmbeddedBroker):
        # What was made under another setting keeps its partitions there.
        return broker.log.partitions(f"{broker.prefix}.{topic}")
    return settings.broker.partitions


async def scan(
    broker: Broker, topic: str, partition: int, start: int = 0, stop: int | None = None
) -> AsyncIterator[Incoming]:
    """Yield the records of a partition that are there now, or those of [start, stop), but for
    fillers.

    Raises:
        BrokerError: the broker is not there.
    """
    end = await broker.end(topic, partition) if stop is None else stop
    while start < end and (records := await broker.read(topic, partition, start, end)):
        for record in records:
            if not record.is_filler:
                yield record
        start = records[-1].offset + 1
