"""Events of a stream in batches, as an agent of a busy line wants them.

Faust's own ``take`` and ``noack_take`` run through each event in a second task, and look at the
clock a hundred times a second when there is nothing to do. This takes what is there and otherwise
sleeps. It works on any transport.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import faust
from faust.types import EventT, StreamT
from faust.types.tuples import ConsumerMessage


def _one(_event: EventT[Any]) -> int:
    return 1


async def take(
    stream: StreamT[Any], limit: int, size: Callable[[EventT[Any]], int] = _one
) -> AsyncIterator[list[EventT[Any]]]:
    """Yield events until they have ``limit`` together, or as many as wait, and at least one.

    What counts is ``size`` of each, by default 1.

    A batch is acknowledged when the next one is asked for. If the body raises it is not, and is
    read again after a restart. Faust would start the agent again and nothing further would be
    committed, so an agent catches what its body raises and ends the app with ``app.crash``.

    Stream processors (``filter``, ``group_by``, ...) do not see these events. Tables take their
    partition from the current event: see `focus`.
    """
    app = cast(faust.App, stream.app)
    await stream.maybe_start()
    queue = cast(faust.Topic, stream.channel).queue
    while not stream.should_stop:
        try:
            waiting = [await queue.get()]
            taken = size(waiting[0])
        except StopAsyncIteration:
            # How a channel tells its readers that the app stops.
            return
        failure: Exception | None = None
        try:
            while taken < limit and not queue.empty():
                waiting.append(queue.get_nowait())
                taken += size(waiting[-1])
        except Exception as error:  # noqa: BLE001 - a record that could not be decoded
            failure = error
        batch = [event for event in waiting if _is_current(app, event)]
        if batch:
            for event in batch:
                _track(app, event)
            yield batch
            for event in batch:
                event.ack()
        if failure is not None:
            raise failure


def focus(stream: StreamT[Any], event: EventT[Any]) -> None:
    """Make this the current event: tables write to its partition from here on."""
    cast(faust.Stream[Any], stream)._set_current_event(event)


def _is_current(app: faust.App, event: EventT[Any]) -> bool:
    # What was fetched before a rebalance is fetched again after it.
    return (
        app.flow_control.is_active() and event.message.generation_id == app.consumer_generation_id
    )


def _track(app: faust.App, event: EventT[Any]) -> None:
    message = cast(ConsumerMessage, event.message)
    if not message.tracked and app.topics.acks_enabled_for(message.topic):
        message.tracked = True
        app.consumer.track_message(message)
