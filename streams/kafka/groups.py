"""How far a consumer group has come, asked from outside it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError
from aiokafka.structs import OffsetAndMetadata

from streams.kafka.connection import Connection
from streams.kafka.errors import translated

PATIENCE = 20.0
"""Seconds that a new cluster may take to make the topic in which it keeps what is committed."""


async def committed(
    connection: Connection, group: str, places: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], int | None]:
    """Return for each topic and partition the offset that `group` reads next, None if it never
    committed one.

    Raises:
        BrokerError: Kafka did not tell.
    """
    with translated(connection, f"asking how far {group} has come"):
        admin = AIOKafkaAdminClient(**connection.client())
        try:
            await admin.start()
            async with asyncio.timeout(PATIENCE):
                found = await _ask(admin, group, [TopicPartition(*place) for place in places])
        finally:
            await admin.close()
    offsets = {(tp.topic, tp.partition): known.offset for tp, known in found.items()}
    # -1 is Kafka's word for none.
    return {place: None if offsets.get(place, -1) < 0 else offsets[place] for place in places}


async def _ask(
    admin: AIOKafkaAdminClient, group: str, places: list[TopicPartition]
) -> dict[TopicPartition, OffsetAndMetadata]:
    while True:
        try:
            return await admin.list_consumer_group_offsets(group, partitions=places)
        except GroupCoordinatorNotAvailableError:
            # The first question of any group makes that topic.
            await asyncio.sleep(0.1)
