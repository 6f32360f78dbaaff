"""The pairs that a person has rejected: no longer in the file, but on the topic `reviews`."""

from __future__ import annotations

from pydantic import ValidationError

from schemas.pair import PreferencePair
from schemas.review import Review
from schemas.settings import Settings
from schemas.topics import REVIEWS
from streams.broker import Broker
from streams.replay.topics import partitions, scan


async def rejected(broker: Broker, settings: Settings) -> list[PreferencePair]:
    """Return the pairs of which the last word is that they go, as they were looked at then.

    Raises:
        BrokerError: the broker is not there.
    """
    last: dict[str, Review] = {}
    for number in range(partitions(broker, REVIEWS, settings)):
        async for record in scan(broker, REVIEWS, number):
            if record.value is None:
                continue
            try:
                said = Review.from_bytes(record.value)
            except ValidationError:
                # The line has put it among the dead letters.
                continue
            before = last.get(said.pair.id)
            if before is None or (before.at_ms, before.id) < (said.at_ms, said.id):
                last[said.pair.id] = said
    return [said.pair for said in last.values() if said.word == "reject"]
