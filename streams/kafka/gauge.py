"""Which topics there are and how far consumer groups have come, asked from outside any group."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from aiokafka import TopicPartition, errors
from aiokafka.admin import AIOKafkaAdminClient

from streams.flow import Place
from streams.kafka.connection import Connection
from streams.kafka.errors import translated

PATIENCE = 20.0
"""Seconds that Kafka may take to answer: a new cluster makes the topic in which it keeps what is
committed, and another node takes over from one that died."""

AGAIN = 0.1

_T = TypeVar("_T")


class KafkaGauge:
    """Belongs to one event loop. Its connection is made by the first question, and kept."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._admin: AIOKafkaAdminClient | None = None
        self._busy = asyncio.Lock()

    async def topics(self, prefix: str) -> dict[str, int]:
        """Return the number of partitions of each topic whose name begins so.

        Raises:
            BrokerError: Kafka did not tell.
        """

        async def ask(admin: AIOKafkaAdminClient) -> dict[str, int]:
            # Naming them would make them, where Kafka is set up to do that.
            return {
                topic["topic"]: len(topic["partitions"])
                for topic in await admin.describe_topics()
                if topic["topic"].startswith(prefix) and topic["partitions"]
            }

        return await self.ask(ask, "asking for the topics")

    async def committed(self, group: str, places: Sequence[Place]) -> dict[Place, int | None]:
        """Return for each topic and partition the offset that `group` reads next, None if it
        never committed one.

        Raises:
            BrokerError: Kafka did not tell.
        """
        wanted = [TopicPartition(*place) for place in places]

        async def ask(admin: AIOKafkaAdminClient) -> dict[Place, int | None]:
            found = await admin.list_consumer_group_offsets(group, partitions=wanted)
            if any(tp not in found for tp in wanted):
                # So it looks here while the node that knows is just taking the group over.
                raise errors.GroupLoadInProgressError()
            # -1 is Kafka's word for none.
            return {
                (tp.topic, tp.partition): known.offset if known.offset >= 0 else None
                for tp, known in found.items()
            }

        return await self.ask(ask, f"asking how far {group} has come") if wanted else {}

    async def close(self) -> None:
        """Close the connection."""
        if self._admin is not None:
            admin, self._admin = self._admin, None
            await admin.close()

    async def ask(self, question: Callable[[AIOKafkaAdminClient], Awaitable[_T]], doing: str) -> _T:
        """Return the answer to a question, which is asked again where Kafka may answer later.

        Args:
            doing: what is attempted, to be read after "while".

        Raises:
            BrokerError: Kafka did not answer, or not so.
        """
        with translated(self._connection, doing):
            async with self._busy:
                last: errors.KafkaError | None = None
                try:
                    async with asyncio.timeout(PATIENCE):
                        while True:
                            try:
                                return await question(await self._started())
                            except errors.KafkaError as error:
                                last = error
                                await self._forget()
                                if not error.retriable:
                                    raise
                            await asyncio.sleep(AGAIN)
                except TimeoutError:
                    await self._forget()
                    if last is not None:
                        raise last from None
                    raise

    async def _forget(self) -> None:
        """Begin with a new connection: which nodes there are may have changed."""
        with suppress(errors.KafkaError, OSError):
            await self.close()

    async def _started(self) -> AIOKafkaAdminClient:
        if self._admin is None:
            admin = AIOKafkaAdminClient(**self._connection.client())
            try:
                await admin.start()
            except BaseException:
                await admin.close()
                raise
            self._admin = admin
        return self._admin
