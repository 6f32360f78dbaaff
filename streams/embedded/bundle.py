"""Records handed to an app's stream many at a time.

Faust spends as much on a message as a decision costs. A topic with this schema gets one message
for a run of a partition's records: it stands at the offset of the last of them, its value is the
list, and acknowledging it acknowledges them all. It works on our transports, on both brokers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import faust
from faust.types import TP, AppT, ConsumerMessage

from streams.embedded.raw import RawSchema
from streams.embedded.records import Record

RECORDS = 250
BYTES = 256 * 1024
"""A bundle has at most that many records and, unless it has only one, bytes."""


class BundleSchema(RawSchema):
    """``app.topic(name, schema=BundleSchema())``: each event's value is a list of records."""


def bundled(app: AppT, topic: str) -> bool:
    """Say whether all that read this topic in this app take bundles."""
    readers = [
        channel
        for channel in app.topics
        if isinstance(channel, faust.Topic) and topic in channel.topics
    ]
    return bool(readers) and all(isinstance(each.schema, BundleSchema) for each in readers)


def bundles(records: Sequence[Record]) -> Iterator[list[Record]]:
    """Yield one partition's records in bundles."""
    bundle: list[Record] = []
    size = 0
    for record in records:
        more = len(record.key or b"") + len(record.value or b"")
        if bundle and (len(bundle) == RECORDS or size + more > BYTES):
            yield bundle
            bundle, size = [], 0
        bundle.append(record)
        size += more
    if bundle:
        yield bundle


def to_message(tp: TP, bundle: list[Record], generation: int) -> ConsumerMessage:
    """Return the one message for a bundle."""
    last = bundle[-1]
    return ConsumerMessage(
        tp.topic,
        tp.partition,
        last.offset,
        last.time_ms / 1000.0,
        0,
        [],
        None,
        # Our schema is all that ever looks at it.
        cast(bytes, bundle),
        None,
        serialized_value_size=sum(len(record.value or b"") for record in bundle),
        tp=tp,
        generation_id=generation,
    )
