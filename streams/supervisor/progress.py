"""How far each stage has come, the tailer among them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from streams.status.flow import Flow, StageProgress, Topics, measure
from streams.tail.behind import behind

TAIL: Final = "tail"


class Broker(Topics, Protocol):
    """Topics that checkpoints are named by."""

    @property
    def identity(self) -> str:
        """See `streams.broker.Broker`."""


async def progress(
    broker: Broker, stages: Sequence[str], openclaw: Sequence[Path], home: Path
) -> Flow:
    """Return the topics, and how far each stage has come.

    The tailer commits to no group: its lag is bytes of session files, what it has committed is
    what changes with its checkpoints.

    Raises:
        BrokerError: the broker does not answer.
    """
    flow = await measure(broker, stages)
    if TAIL not in stages:
        return flow
    checkpoints = home / "tail" / f"{broker.identity}.db"
    read = await asyncio.to_thread(behind, openclaw, checkpoints)
    return Flow(flow.topics, (*flow.stages, StageProgress(TAIL, "", (), read.mark, read.bytes)))
