"""What forgetting asks of a Kafka cluster, and tells it, beside records."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition, errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from streams.flow import Place
from streams.kafka.connection import Connection
from streams.kafka.errors import translated
from streams.kafka.gauge import KafkaGauge
from streams.kafka.topics import settled

OWN = 1
"""By which Kafka says that a setting is the topic's own (DYNAMIC_TOPIC_CONFIG, KIP-226)."""

PATIENCE = 20.0
"""Seconds that a topic may take to go, or to come, and a group to have what was committed."""

AGAIN = 0.1

_T = TypeVar("_T")


class Shape(NamedTuple):
    """How a topic is made."""

    partitions: int
    replication: int
    configs: dict[str, str]


class Cluster:
    """Belongs to one event loop. All raise BrokerError where Kafka does not do it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._gauge = KafkaGauge(connection)

    async def close(self) -> None:
        """Close the connection."""
        await self._gauge.close()

    async def topics(self) -> dict[str, int]:
        """Return how many partitions each topic has."""
        return await self._gauge.topics("")

    async def shape(self, topic: str) -> Shape:
        """Return how a topic that is there was made, with the settings that are its own."""

        async def ask(admin: AIOKafkaAdminClient) -> Shape:
            (told,) = [each for each in await admin.describe_topics() if each["topic"] == topic]
            copies = min(len(each["replicas"]) for each in told["partitions"])
            answer: Any
            [answer] = await admin.describe_configs([_resource(topic)])
            code, reason, _, _, entries = answer.resources[0]
            _check(code, reason)
            own = {entry[0]: entry[1] for entry in entries if entry[3] == OWN}
            return Shape(len(told["partitions"]), copies, own)

        return await self._ask(ask, f"asking for the settings of {topic}")

    async def create(self, topic: str, shape: Shape) -> None:
        """Make a topic; what there is under its name is deleted.

        That is done until it is new: where Kafka makes topics that are asked for, a client that
        still follows the old one may have it made again in between.
        """

        async def ask(admin: AIOKafkaAdminClient) -> None:
            configs = shape.configs
            new = NewTopic(topic, shape.partitions, shape.replication, topic_configs=configs)
            async with asyncio.timeout(PATIENCE):
                while True:
                    await _delete(admin, topic)
                    # At once, to be there first.
                    answer: Any = await admin.create_topics([new])
                    _, code, *reason = answer.topic_errors[0]
                    if code != errors.TopicAlreadyExistsError.errno:
                        break
                    await asyncio.sleep(AGAIN)
            _check(code, reason[0] if reason else None)
            await settled(self._connection, admin, [topic])

        await self._ask(ask, f"making the topic {topic}")

    async def delete(self, topic: str) -> None:
        """Delete a topic, if it is there."""
        await self._ask(lambda admin: _delete(admin, topic), f"deleting the topic {topic}")

    async def configure(self, topic: str, configs: Mapping[str, str]) -> None:
        """Give a topic these settings of its own, and no others."""

        async def ask(admin: AIOKafkaAdminClient) -> None:
            answers: Any = await admin.alter_configs([_resource(topic, configs)])
            for answer in answers:
                code, reason, *_ = answer.resources[0]
                _check(code, reason)

        await self._ask(ask, f"setting up the topic {topic}")

    async def cut(self, topic: str, lows: Mapping[int, int]) -> None:
        """Remove what lies before some offsets, by partition."""
        wanted = {
            TopicPartition(topic, number): RecordsToDelete(low)
            for number, low in lows.items()
            if low
        }
        if wanted:
            await self._ask(
                lambda admin: admin.delete_records(wanted), f"cutting the front off {topic}"
            )

    async def groups(self, prefixes: Collection[str]) -> list[str]:
        """Return the consumer groups whose names begin so."""

        async def ask(admin: AIOKafkaAdminClient) -> list[str]:
            known = await admin.list_consumer_groups()
            return sorted(
                name for name, *_ in known if any(name.startswith(each) for each in prefixes)
            )

        return await self._ask(ask, "asking for the consumer groups")

    async def active(self, groups: Sequence[str]) -> dict[str, int]:
        """Return those that have members, with how many."""

        async def ask(admin: AIOKafkaAdminClient) -> dict[str, int]:
            found: dict[str, int] = {}
            for group in groups:
                # One by one: aiokafka 0.14 takes answers of version 3 for such of version 2, and
                # stumbles over what stands between two groups.
                answer: Any
                [answer] = await admin.describe_consumer_groups([group])
                code, _, _state, _type, _protocol, members, *_ = answer.groups[0]
                _check(code, None)
                if members:
                    found[group] = len(members)
            return found

        return await self._ask(ask, "asking who reads the topics")

    async def committed(self, group: str) -> dict[Place, tuple[int, str]]:
        """Return all that a group has committed: offset and metadata."""

        async def ask(admin: AIOKafkaAdminClient) -> dict[Place, tuple[int, str]]:
            found = await admin.list_consumer_group_offsets(group)
            return {
                (tp.topic, tp.partition): (known.offset, known.metadata or "")
                for tp, known in found.items()
                if known.offset >= 0
            }

        return await self._ask(ask, f"asking how far {group} has come")

    async def commit(self, group: str, offsets: Mapping[Place, tuple[int, str]]) -> None:
        """Commit for a group that has no members, and see to it that it stays.

        A node that learns late of a topic's end drops what was committed of it, perhaps after it
        was committed anew.
        """
        if not offsets:
            return
        with translated(self._connection, f"committing for {group}"):
            async with asyncio.timeout(PATIENCE):
                while True:
                    await self._commit(group, offsets)
                    found = await self.committed(group)
                    if all(found.get(place) == wanted for place, wanted in offsets.items()):
                        return
                    await asyncio.sleep(AGAIN)

    async def _commit(self, group: str, offsets: Mapping[Place, tuple[int, str]]) -> None:
        wanted = {TopicPartition(*place): offset for place, offset in offsets.items()}
        consumer = AIOKafkaConsumer(
            **self._connection.client(), group_id=group, enable_auto_commit=False
        )
        try:
            await consumer.start()
            consumer.assign(list(wanted))
            await consumer.commit(wanted)
        finally:
            await consumer.stop()

    async def _ask(
        self, question: Callable[[AIOKafkaAdminClient], Awaitable[_T]], doing: str
    ) -> _T:
        return await self._gauge.ask(question, doing)


async def _delete(admin: AIOKafkaAdminClient, topic: str) -> None:
    # Whether it is there is for the one to say who deletes it; a node may not know yet.
    answer: Any = await admin.delete_topics([topic])
    code = answer.topic_error_codes[0][1]
    if code != errors.UnknownTopicOrPartitionError.errno:
        _check(code, None)


def _resource(topic: str, configs: Mapping[str, str] | None = None) -> ConfigResource:
    return ConfigResource(ConfigResourceType.TOPIC, topic, dict(configs) if configs else None)


def _check(code: int, reason: str | None) -> None:
    if code:
        raise errors.for_code(code)(reason or "")
