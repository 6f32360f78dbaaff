"""A real Kafka for benchmarks, and what is asked of it from outside: who reads, how far it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from streams.kafka.link import Link
from tests.support.kafka import KafkaProcess

STATE, MEMBERS = 2, 5
"""Where these stand in what Kafka tells of a group."""


class Cluster:
    """One node, the process `node`; `url` is what broker.url is to be."""

    def __init__(self, process: KafkaProcess) -> None:
        self.url = process.url
        self.servers = process.url.removeprefix("kafka://")
        self.node = psutil.Process(process.pid())
        self._places: dict[str, list[TopicPartition]] = {}
        self._link = Link()
        self._admin, self._consumer = self._link.wait(self._connect())

    def count(self, topic: str) -> int:
        """Return how many records a topic has had, 0 where there is none."""
        return self._link.wait(self._count(topic))

    def members(self, group: str) -> int:
        """Return how many members share a group's partitions; 0 while they are being shared out."""
        return self._link.wait(self._members(group))

    def fingerprint(self, topic: str) -> str:
        """Return a digest of all values of a topic, in whatever order they stand."""
        return self._link.wait(self._fingerprint(topic))

    def close(self) -> None:
        """Let go of the node."""
        self._link.wait(self._disconnect())
        self._link.close()

    async def _connect(self) -> tuple[AIOKafkaAdminClient, AIOKafkaConsumer]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.servers)
        consumer = AIOKafkaConsumer(bootstrap_servers=self.servers)
        await admin.start()
        await consumer.start()
        return admin, consumer

    async def _disconnect(self) -> None:
        await self._consumer.stop()
        await self._admin.close()

    async def _count(self, topic: str) -> int:
        if topic not in self._places:
            (told,) = await self._admin.describe_topics([topic])
            if not told["partitions"]:
                return 0
            numbers = [each["partition"] for each in told["partitions"]]
            self._places[topic] = [TopicPartition(topic, number) for number in numbers]
        return sum((await self._consumer.end_offsets(self._places[topic])).values())

    async def _fingerprint(self, topic: str) -> str:
        wanted, together = await self._count(topic), 0
        self._consumer.assign(self._places[topic])
        await self._consumer.seek_to_beginning()
        while wanted:
            fetched = await self._consumer.getmany(timeout_ms=1000)
            for record in (record for records in fetched.values() for record in records):
                together ^= int.from_bytes(blake2b(record.value, digest_size=16).digest())
                wanted -= 1
        return f"{together:032x}"

    async def _members(self, group: str) -> int:
        try:
            told = await self._admin.describe_consumer_groups([group])
        except GroupCoordinatorNotAvailableError:
            # The first question about any group makes the topic that groups are kept in.
            return 0
        (found,) = [each for answer in told for each in answer.groups]
        return len(found[MEMBERS]) if found[STATE] == "Stable" else 0


@contextmanager
def cluster(folder: Path, *options: str) -> Iterator[Cluster]:
    """Run a Kafka for a while; `options` are run.py's."""
    process = KafkaProcess(folder, *options)
    try:
        known = Cluster(process)
        try:
            yield known
        finally:
            known.close()
    finally:
        process.stop()
