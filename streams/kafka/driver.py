"""Faust's settings for a stage on Kafka."""

from __future__ import annotations

from typing import Any

from streams.kafka.connection import REQUEST_TIMEOUT
from streams.kafka.topics import MAX_MESSAGE_BYTES

SESSION_TIMEOUT = 10.0
"""Seconds until the partitions of a worker that died go to the others."""

FETCH_BYTES = 1 << 20
LONGEST_BATCH = 24 * 3600.0


def faust_settings(replication: int, member: str) -> dict[str, Any]:
    """Return what to pass to ``faust.App`` beside its id, broker, store and data folder.

    * ``broker_session_timeout``: see above; Faust's 60 s would hold up a takeover as long.
    * ``broker_max_poll_interval``: a judge may take hours over one batch, and is alive. A stage
      that hangs is the watchdog's to find.
    * ``consumer_group_instance_id``: a worker that comes back within the session timeout gets its
      partitions back at once, without the others being disturbed.
    * ``broker_commit_interval``: after a crash at most this many seconds are read again.
    * ``stream_wait_empty``: off, so that stopping does not wait for a judge's two minutes.
    * ``topic_disable_leader``: no leader topic, which every worker would watch.
    * ``topic_allow_declare``: off; topics are made before, with the partitions they should have.
    * ``web_enabled``: off; it would bind port 6066 on all interfaces.
    """
    return {
        "broker_session_timeout": SESSION_TIMEOUT,
        "broker_heartbeat_interval": 2.0,
        "broker_rebalance_timeout": 12.0,
        "broker_request_timeout": REQUEST_TIMEOUT,
        "broker_max_poll_interval": LONGEST_BATCH,
        "broker_max_poll_records": None,
        "broker_commit_interval": 1.0,
        "consumer_auto_offset_reset": "earliest",
        "consumer_group_instance_id": member,
        "consumer_max_fetch_size": FETCH_BYTES,
        "cython_optimizations": True,
        "producer_max_request_size": MAX_MESSAGE_BYTES,
        "stream_buffer_maxsize": 2048,
        "stream_wait_empty": False,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "topic_replication_factor": replication,
        "web_enabled": False,
        "worker_redirect_stdouts": False,
    }
