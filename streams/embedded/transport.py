"""The embedded log as a Faust transport: ``broker="embedded:///absolute/path/to/log.db"``.

Ordinary Faust agents and tables run on it, several apps in one process or in many. A consumer
group, an app's id, has one active member; others with the same id stand by and one of them takes
over the moment the active one dies.

A stage on it wants the settings of `faust_settings`; Faust's defaults work and are slower.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, cast

import faust
from faust.assignor.partition_assignor import PartitionAssignor
from faust.transport import base
from faust.types import TP
from mode import Seconds, get_logger, want_seconds

from streams.embedded.consumer import Consumer
from streams.embedded.log import Log
from streams.embedded.producer import Producer
from streams.embedded.records import Topic, UnknownTopic
from streams.embedded.tables import TableManager

logger = get_logger(__name__)


def faust_settings() -> dict[str, Any]:
    """What to pass to ``faust.App`` beside its id, broker, store and data folder.

    * ``broker_commit_interval``: after a crash at most this many seconds are read again.
    * ``stream_buffer_maxsize``: events held for one stream; records of some KB each.
    * ``stream_wait_empty``: off, so that stopping does not wait for a judge's two minutes.
    * ``topic_disable_leader``: no leader topic, which every worker would watch.
    * ``web_enabled``: off; it would bind port 6066 on all interfaces.
    * ``cython_optimizations``: streams take what is queued without a detour.
    * ``TableManager``: Faust's own sleeps for a second before it recovers tables.
    """
    return {
        "broker_commit_interval": 1.0,
        "consumer_auto_offset_reset": "earliest",
        "cython_optimizations": True,
        "stream_buffer_maxsize": 2048,
        "stream_wait_empty": False,
        "topic_disable_leader": True,
        "topic_replication_factor": 1,
        "web_enabled": False,
        "worker_redirect_stdouts": False,
        "TableManager": TableManager,
    }


class Transport(base.Transport):
    """Opens the log for one app's producer and consumer."""

    Consumer: ClassVar[type[Consumer]] = Consumer
    Producer: ClassVar[type[Producer]] = Producer
    driver_version = f"clawback-embedded (faust={faust.__version__})"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._log: Log | None = None
        self._users = 0

    @property
    def log(self) -> Log:
        """The app's log.

        Raises:
            LogError: it cannot be opened.
        """
        if self._log is None:
            self._log = Log.from_url(str(self.url[0]))
        return self._log

    def acquire(self) -> None:
        """Count one more user of the log."""
        self._users += 1

    def release(self) -> None:
        """Close the log with its last user."""
        self._users -= 1
        if self._users == 0 and self._log is not None:
            self._log.close()
            self._log = None

    async def create_topic(
        self,
        name: str,
        partitions: int,
        *,
        config: Mapping[str, Any] | None = None,
        retention: Seconds | None = None,
        compacting: bool | None = None,
    ) -> Topic:
        """Make a topic unless there is one of this name, and return what there is.

        Args:
            config: Kafka's ``retention.ms``, ``retention.bytes`` and ``cleanup.policy`` count.
            retention: seconds.
            compacting: keep the newest record of each key.
        """
        given = dict(config or {})
        policy = str(given.get("cleanup.policy", "compact" if compacting else "delete"))
        retention_ms = int(want_seconds(retention) * 1000) if retention else -1
        compact = "compact" in policy
        topic = await asyncio.to_thread(
            self.log.create_topic,
            name,
            partitions,
            retention_ms=int(given.get("retention.ms", -1 if compact else retention_ms)),
            retention_bytes=int(given.get("retention.bytes", -1)),
            compact=compact,
        )
        if topic.partitions != partitions:
            logger.warning(
                "topic %s keeps its %d partitions; %d were asked for",
                name,
                topic.partitions,
                partitions,
            )
        return topic

    def ensure_topic(self, name: str) -> int:
        """The topic's number of partitions; if it is new, the app's ``topic_partitions``.

        Raises:
            UnknownTopic: there is none, and the app does not allow topics to be declared.
        """
        found = self.log.topic(name)
        if found is None:
            if not self.app.conf.topic_allow_declare:
                raise UnknownTopic(f"no topic {name} in {self.log.path}")
            found = self.log.create_topic(name, self.app.conf.topic_partitions)
        return found.partitions

    def partitions(self, topics: Iterable[str]) -> set[TP]:
        """All partitions of these topics."""
        return {TP(name, number) for name in topics for number in range(self.ensure_topic(name))}

    def assign(self, topics: Iterable[str]) -> set[TP]:
        """Assign all partitions to this member.

        Done through the app's own assignor, which recovery and the router of tables look into.
        """
        assignor = cast(PartitionAssignor, self.app.assignor)
        member = "this"
        metadata = {member: assignor.metadata(set(topics))}
        assignment = assignor.assign(cast(Any, _Cluster(self)), metadata)[member]
        assignor.on_assignment(cast(Any, assignment))
        return {TP(topic, number) for topic, numbers in assignment.assignment for number in numbers}


class _Cluster:
    """As much of Kafka's cluster metadata as the assignor asks for."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def partitions_for_topic(self, topic: str) -> set[int]:
        return set(range(self._transport.ensure_topic(topic)))
