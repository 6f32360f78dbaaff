"""Kafka as the conformance suite wants a broker: topics of the same names, new for each test."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import GroupCoordinatorNotAvailableError, TopicAlreadyExistsError

from streams.kafka.connection import DRIVER, SCHEME
from streams.kafka.link import Link

TOPICS = ("out", "done")


class KafkaBroker:
    """A running Kafka, emptied of all topics."""

    shares_partitions = True
    restart_within = 15.0
    takeover_within = 15.0

    def __init__(self, url: str) -> None:
        self.url = url.replace(SCHEME, DRIVER)
        # Groups can't be deleted while a killed member counts as one of them.
        self.scope = uuid.uuid4().hex[:8] + "-"
        self._servers = url.removeprefix(SCHEME)
        self._link = Link()
        self._admin(_delete_all)
        for name in TOPICS:
            self.create_topic(name, 4)

    def create_topic(self, name: str, partitions: int) -> None:
        async def create(admin: AIOKafkaAdminClient) -> None:
            topic = NewTopic(name, partitions, 1, topic_configs={"max.message.bytes": "10485760"})
            async with asyncio.timeout(20):
                while True:
                    made: Any = await admin.create_topics([topic])
                    if made.topic_errors[0][1] == 0:
                        break
                    # The topic of that name which the last test used is on its way out.
                    assert made.topic_errors[0][1] == TopicAlreadyExistsError.errno
                    await asyncio.sleep(0.05)
                while name not in await admin.list_topics():  # noqa: ASYNC110 - Kafka tells nobody
                    await asyncio.sleep(0.05)

        self._admin(create)

    def high_water(self, topic: str, partition: int) -> int:
        place = TopicPartition(topic, partition)
        found = self._consumer(lambda consumer: consumer.end_offsets([place]))
        return int(found[place])

    def committed(self, group: str, topic: str, partition: int) -> int | None:
        async def ask(admin: AIOKafkaAdminClient) -> Any:
            try:
                return await admin.list_consumer_group_offsets(self.scope + group)
            except GroupCoordinatorNotAvailableError:
                return {}  # No group has committed anything yet.

        found = self._admin(ask).get(TopicPartition(topic, partition))
        return None if found is None or found.offset < 0 else int(found.offset)

    def offset_for_time(self, topic: str, partition: int, time_ms: int) -> int | None:
        place = TopicPartition(topic, partition)
        found = self._consumer(lambda consumer: consumer.offsets_for_times({place: time_ms}))
        return found[place].offset if found[place] else None

    def close(self) -> None:
        self._link.close()

    def _admin(self, work: Callable[[AIOKafkaAdminClient], Awaitable[Any]]) -> Any:
        async def run() -> Any:
            admin = AIOKafkaAdminClient(bootstrap_servers=self._servers)
            await admin.start()
            try:
                return await work(admin)
            finally:
                await admin.close()

        return self._link.wait(run())

    def _consumer(self, work: Callable[[AIOKafkaConsumer], Awaitable[Any]]) -> Any:
        async def run() -> Any:
            consumer = AIOKafkaConsumer(bootstrap_servers=self._servers)
            await consumer.start()
            try:
                return await work(consumer)
            finally:
                await consumer.stop()

        return self._link.wait(run())


async def _delete_all(admin: AIOKafkaAdminClient) -> None:
    names = [name for name in await admin.list_topics() if not name.startswith("__")]
    if names:
        await admin.delete_topics(names)
    async with asyncio.timeout(20):
        while set(names) & set(await admin.list_topics()):  # noqa: ASYNC110 - Kafka tells nobody
            await asyncio.sleep(0.05)
