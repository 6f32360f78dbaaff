"""`KafkaBroker`: Apache Kafka, or what speaks its protocol, as a stage sees it beside Faust."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from schemas.settings import Settings
from schemas.topics import TOPICS
from streams.flow import BrokerError, Incoming, Outgoing, Place
from streams.kafka.connection import Connection
from streams.kafka.follower import KafkaFollower
from streams.kafka.gauge import KafkaGauge
from streams.kafka.link import Link
from streams.kafka.mark import belongs_to_rewriting, read_mark
from streams.kafka.publisher import KafkaPublisher
from streams.kafka.reader import KafkaReader
from streams.kafka.topics import TopicPlan, cluster_id, ensure


class KafkaBroker:
    """A Kafka cluster; a `streams.broker.Broker`.

    Where Kafka is away for a while, a call waits up to 30 s for it, and then fails.

    Raises:
        BrokerError: the cluster can't be reached.
    """

    shares_partitions = True

    def __init__(self, settings: Settings) -> None:
        self._connection = Connection(settings)
        self.url = self._connection.faust_url
        self.prefix = settings.broker.prefix
        retention = settings.broker.retention
        self._plan = TopicPlan(
            partitions=settings.broker.partitions,
            replication=settings.broker.kafka.replication,
            retention_ms=int(retention * 1000) if retention > 0 else -1,
        )
        self._link = Link()
        try:
            # Topics under another prefix are other data, though the cluster be the same.
            self.identity = f"{self._link.wait(cluster_id(self._connection))}-{self.prefix}"
            self._publisher, self._reader, self._gauge = self._link.wait(self._open())
            self._mark = self._link.wait(read_mark(self._gauge, self._reader, self.prefix))
            number = self._mark.number
            self.lineage = f"{self.identity}+{number}" if number else self.identity
        except BaseException:
            self._link.close()
            raise

    def ensure_topics(self) -> None:
        """Make the topics that are not there yet.

        Raises:
            BrokerError: Kafka can't be reached, refused, or has a topic with other partitions; or
                topics are being rewritten.
        """
        self._mark.hold_off()
        names = [self._name(topic) for topic in TOPICS]
        self._link.wait(ensure(self._connection, names, self._plan))

    def faust_settings(self, member: str) -> dict[str, Any]:
        """Return what ``faust.App`` is to be told of this broker beside its url.

        Args:
            member: names this worker in its group, the same after a restart; no two at once.
        """
        # Only a stage has use for Faust; importing it takes a second.
        from streams.kafka.driver import faust_settings

        return {**faust_settings(self._plan.replication, member), **self._connection.faust()}

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Publish all records; on every replica in sync on return.

        Raises:
            BrokerError: Kafka did not acknowledge all of them within 30 s, or refused one; or
                topics are being rewritten.
        """
        self._mark.hold_off()
        if records:
            named = [replace(record, topic=self._name(record.topic)) for record in records]
            await self._link.call(self._publisher.publish(named))

    async def read(self, topic: str, partition: int, start: int, stop: int) -> list[Incoming]:
        """Return the first records of [start, stop), about 4 MiB or one record of them; empty
        where there is none.

        Raises:
            BrokerError: Kafka did not give what it has.
        """
        found = await self._link.call(self._reader.read(self._name(topic), partition, start, stop))
        return [self._incoming(record) for record in found]

    async def end(self, topic: str, partition: int) -> int:
        """Return the offset that the partition's next record will have.

        Raises:
            BrokerError: Kafka did not tell.
        """
        return await self._link.call(self._reader.end(self._name(topic), partition))

    async def topics(self) -> dict[str, int]:
        """Return how many partitions each topic of the line has, by its bare name.

        Raises:
            BrokerError: Kafka did not tell.
        """
        found = await self._link.call(self._gauge.topics(self._name("")))
        return {
            self._bare(name): count
            for name, count in found.items()
            if not belongs_to_rewriting(name)
        }

    async def bounds(self, places: Sequence[Place]) -> dict[Place, tuple[int, int]]:
        """Return of each partition the first offset that is kept, and the next one.

        Raises:
            BrokerError: Kafka did not tell.
        """
        named = {(self._name(topic), partition): (topic, partition) for topic, partition in places}
        found = await self._link.call(self._reader.bounds(list(named)))
        return {named[at]: bounds for at, bounds in found.items()}

    async def committed(self, stage: str, places: Sequence[Place]) -> dict[Place, int | None]:
        """Return for each topic and partition the offset that a stage reads next, None if it has
        not read any.

        Raises:
            BrokerError: Kafka did not tell.
        """
        named = {(self._name(topic), partition): (topic, partition) for topic, partition in places}
        group = f"{self.prefix}.{stage}"
        found = await self._link.call(self._gauge.committed(group, list(named)))
        return {named[at]: offset for at, offset in found.items()}

    async def follow(
        self, topics: Sequence[str], lookback: Mapping[str, int]
    ) -> AsyncGenerator[list[Incoming], None]:
        """Yield what comes on topics from now on, as it comes, in no consumer group.

        Args:
            topics: they must be there.
            lookback: of how many of the newest records of each partition to begin with.

        Raises:
            BrokerError: Kafka refused.
        """
        counts = await self.topics()
        places = [(topic, number) for topic in topics for number in range(counts.get(topic, 0))]
        starts = {
            (self._name(topic), number): max(low, high - lookback.get(topic, 0))
            for (topic, number), (low, high) in (await self.bounds(places)).items()
        }
        follower = KafkaFollower(self._connection, starts)
        try:
            while True:
                if found := await self._link.call(follower.poll()):
                    yield [self._incoming(record) for record in found]
        finally:
            if not self._link.closed:
                with suppress(BrokerError):
                    await self._link.call(follower.close())

    def close(self) -> None:
        """Close the connections. Closing again does nothing."""
        if not self._link.closed:
            self._link.wait(self._close())
            self._link.close()

    async def _open(self) -> tuple[KafkaPublisher, KafkaReader, KafkaGauge]:
        connection = self._connection
        return KafkaPublisher(connection), KafkaReader(connection), KafkaGauge(connection)

    async def _close(self) -> None:
        await self._publisher.close()
        await self._reader.close()
        await self._gauge.close()

    def _incoming(self, record: Any) -> Incoming:
        return Incoming(
            self._bare(record.topic),
            record.partition,
            record.offset,
            record.timestamp,
            record.key,
            record.value,
        )

    def _bare(self, name: str) -> str:
        return name.removeprefix(f"{self.prefix}.")

    def _name(self, topic: str) -> str:
        return f"{self.prefix}.{topic}"
