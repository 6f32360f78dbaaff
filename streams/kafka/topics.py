"""Making the topics, and checking those that exist."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.conn import create_conn

from streams.flow import BrokerError
from streams.kafka.connection import Connection
from streams.kafka.errors import translated

MAX_MESSAGE_BYTES = 10 << 20
"""Room for a record of 8 MiB with its key and what Kafka adds."""

SETTLE = 15.0
"""Seconds that a new topic may take to have a leader for each partition."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TopicPlan:
    """How topics are made: `retention_ms` of -1 keeps records for ever."""

    partitions: int
    replication: int
    retention_ms: int

    def configuration(self) -> dict[str, str]:
        """Return the settings that a topic is made with."""
        settings = {
            "cleanup.policy": "delete",
            "retention.ms": str(self.retention_ms),
            "retention.bytes": "-1",
            "max.message.bytes": str(MAX_MESSAGE_BYTES),
            # A record's time is when the broker got it, whoever sent it.
            "message.timestamp.type": "LogAppendTime",
        }
        if self.replication >= 3:
            # Acknowledged means on two nodes at least: the loss of any one loses nothing.
            settings["min.insync.replicas"] = "2"
        return settings


async def cluster_id(connection: Connection) -> str:
    """Return the id of the cluster, which it keeps as long as its data.

    Raises:
        BrokerError: it can't be reached.
    """
    with translated(connection, "connecting"):
        admin = AIOKafkaAdminClient(**connection.client())
        try:
            await admin.start()
            return str((await admin.describe_cluster())["cluster_id"])
        except errors.KafkaConnectionError:
            # Said of all servers together, it leaves out why.
            await _connect_to_each(connection)
            raise
        finally:
            await admin.close()


async def _connect_to_each(connection: Connection) -> None:
    """Raise what is wrong with the first server that can't be connected to."""
    arguments = connection.client()
    for server in arguments.pop("bootstrap_servers"):
        host, _, port = server.rpartition(":")
        found = await create_conn(host.strip("[]"), int(port), **arguments)
        found.close()


async def ensure(connection: Connection, names: Sequence[str], plan: TopicPlan) -> None:
    """Make the topics that are not there and check those that are.

    Raises:
        BrokerError: Kafka can't be reached, refused a topic, or has one with other partitions.
    """
    with translated(connection, "making the topics"):
        admin = AIOKafkaAdminClient(**connection.client())
        try:
            await admin.start()
            # Asking for a topic by its name makes it on a broker that is set to; a list doesn't.
            existing = set(await admin.list_topics()) & set(names)
            missing = [name for name in names if name not in existing]
            if missing:
                await _create(connection, admin, missing, plan)
            _check_partitions(connection, await settled(connection, admin, names), plan)
            if existing:
                await _compare(admin, sorted(existing), plan)
        finally:
            await admin.close()


async def _create(
    connection: Connection, admin: AIOKafkaAdminClient, names: Sequence[str], plan: TopicPlan
) -> None:
    made: Any = await admin.create_topics(
        [
            NewTopic(name, plan.partitions, plan.replication, topic_configs=plan.configuration())
            for name in names
        ]
    )
    for name, code, *reason in made.topic_errors:
        if code in (errors.NoError.errno, errors.TopicAlreadyExistsError.errno):
            continue
        if code == errors.InvalidReplicationFactorError.errno:
            raise BrokerError(
                f"broker.kafka.replication = {plan.replication} is more copies than {connection} "
                "has nodes; lower it, or start more nodes"
            )
        raise BrokerError(
            f"{connection} would not make the topic {name}: "
            f"{reason[0] if reason and reason[0] else errors.for_code(code).__name__}"
        )


async def settled(
    connection: Connection, admin: AIOKafkaAdminClient, names: Sequence[str]
) -> Mapping[str, int]:
    """Return each topic's number of partitions, once all of them have a leader."""
    try:
        async with asyncio.timeout(SETTLE):
            while True:
                told = await admin.describe_topics(list(names))
                counts = {
                    topic["topic"]: len(topic["partitions"])
                    for topic in told
                    if topic["partitions"] and _led(topic["partitions"])
                }
                if len(counts) == len(names):
                    return counts
                await asyncio.sleep(0.1)
    except TimeoutError as error:
        lost = sorted(set(names) - set(counts))
        raise BrokerError(
            f"{connection} has no leader for every partition of {', '.join(lost)}; "
            "are enough of its nodes up?"
        ) from error


def _led(partitions: Sequence[Mapping[str, Any]]) -> bool:
    return all(each["leader"] >= 0 for each in partitions)


def _check_partitions(connection: Connection, counts: Mapping[str, int], plan: TopicPlan) -> None:
    other = {name: count for name, count in counts.items() if count != plan.partitions}
    if not other:
        return
    found = ", ".join(f"{name} has {count}" for name, count in sorted(other.items()))
    same = set(other.values())
    advice = (
        f"write broker.partitions = {same.pop()}"
        if len(same) == 1 and len(other) == len(counts)
        else "delete these topics, or use another broker.prefix"
    )
    raise BrokerError(
        f"broker.partitions = {plan.partitions}, but on {connection} {found}; {advice}. Records of "
        "one key would otherwise not stay together"
    )


async def _compare(admin: AIOKafkaAdminClient, names: Sequence[str], plan: TopicPlan) -> None:
    """Warn of what was set otherwise, perhaps on purpose, and may lose or refuse records."""
    wanted = plan.configuration()
    told: Any = await admin.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, name, dict(wanted)) for name in names]
    )
    for answer in told:
        for resource in answer.resources:
            name, entries = resource[3], resource[4]
            different = [
                f"{entry[0]} = {entry[1]} (not {wanted[entry[0]]})"
                for entry in entries
                if entry[0] in wanted and entry[1] != wanted[entry[0]]
            ]
            if different:
                logger.warning("topic %s has %s", name, ", ".join(different))
