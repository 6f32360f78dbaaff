"""The peer: the same join as a Quix Streams pipeline, in an environment of its own.

    python -m tests.benchmarks.rejoin.peer BROKER STATE_DIR PARTITIONS same|bare

`same` decides as clawback does, by the same functions, so that the verdicts are the same bytes;
their windows stand in Quix's state, which is RocksDB with a changelog topic. What Quix has nothing
for is left out: no window closes at a deadline. `bare` is as little as a join can be: judgements
are not validated, nothing is named by an id, and a window is forgotten with its verdict.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quixstreams import Application, State
from quixstreams.models import TopicConfig

from agents.ensemble import Ensemble
from schemas.judgement import Judgement
from tests.benchmarks.rejoin.stored import JUDGES, edition_of, settings_of

COMMIT_EVERY = 1.0
"""Seconds between commits, as for clawback's stages."""


def main(broker: str, state_dir: str, partitions: int, kind: str) -> None:
    """Join until killed."""
    app = Application(
        broker_address=broker,
        consumer_group=f"peer.{kind}",
        auto_offset_reset="earliest",
        commit_interval=COMMIT_EVERY,
        state_dir=state_dir,
        loglevel="WARNING",
        producer_extra_config={
            "acks": "all",
            "enable.idempotence": True,
            "compression.type": "lz4",
            "linger.ms": 50,
            "batch.size": 1 << 20,
        },
    )
    made = TopicConfig(num_partitions=partitions, replication_factor=1)
    form: Any = "bytes" if kind == "same" else "json"
    judgements = app.topic("clawback.judgements", config=made, value_deserializer=form)
    verdicts = app.topic(f"peer.{kind}.verdicts", config=made, value_serializer=form)
    frame = app.dataframe(judgements)
    if kind == "same":
        current = edition_of(settings_of(Path(state_dir), partitions))
        ensemble = Ensemble(current.panel, current)

        def decide(value: bytes, _key: Any, at_ms: int, _headers: Any, state: State) -> list[bytes]:
            verdicts = ensemble.apply(Judgement.from_bytes(value), at_ms, _Windows(state))
            return [verdict.to_bytes() for verdict in verdicts]

        frame = frame.apply(decide, expand=True, stateful=True, metadata=True)
    else:
        frame = frame.apply(bare, stateful=True).filter(lambda verdict: verdict is not None)
    frame.to_topic(verdicts)
    app.run()


class _Windows:
    """Quix's state of one turn as a table. It has no order and no timers, so that a deadline is
    of no use in it."""

    def __init__(self, state: State) -> None:
        self._state = state

    def get(self, key: str) -> bytes | None:
        return self._state.get_bytes(key) if key.startswith("turn/") else None

    def put(self, key: str, value: bytes) -> None:
        if key.startswith("turn/"):
            self._state.set_bytes(key, value)

    def delete(self, key: str) -> None:
        if key.startswith("turn/"):
            self._state.delete(key)

    def scan(self, _prefix: str) -> Iterator[tuple[str, bytes]]:
        return iter(())


def bare(judgement: dict[str, Any], state: State) -> dict[str, Any] | None:
    """Take in one judgement and return the verdict, once all judges have said theirs."""
    window: list[dict[str, Any]] = state.get("window", [])
    if any(known["id"] == judgement["id"] for known in window):
        return None
    window.append(judgement)
    if len(window) < len(JUDGES):
        state.set("window", window)
        return None
    state.delete("window")
    scores = [each["scores"] for each in window]
    overall = [each["overall"] for each in scores]
    apart = max(overall) - min(overall)
    return {
        "turn_id": judgement["turn_id"],
        "status": "ensemble_disagreement" if apart > 3 else "scored",
        "scores": {name: statistics.median(each[name] for each in scores) for name in scores[0]},
        "spread": apart,
        "opinions": [
            {name: each[name] for name in ("judge", "model", "rubric", "scores", "rationale")}
            for each in window
        ],
    }


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
