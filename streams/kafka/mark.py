"""The mark that tells every machine of a line that its topics are being rewritten, or were.

Records are removed from a topic by writing it anew (`streams.forget.onkafka`). Meanwhile no stage
may start, on whatever machine, and afterwards every table that was made of the topics before is
out of date. `<prefix>.rewritings` says both: it has one record when a rewriting begins and one
when it is done, and is not there before the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError

from schemas.record import Record
from streams.flow import BrokerError
from streams.kafka.gauge import KafkaGauge
from streams.kafka.reader import KafkaReader

TOPIC = "rewritings"
STAGING = ".rewriting"
"""What the name of a topic's copy ends with."""


class Rewriting(Record):
    """A record of the topic: a rewriting has begun, or is done, on a machine (`machine` is its
    name, `seat` what tells it from all others)."""

    state: Literal["begun", "done"]
    machine: str
    seat: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Mark:
    """How a line stands: `number` counts the mark's records, `machine` rewrites now, if any."""

    number: int = 0
    machine: str = ""
    seat: str = ""

    def hold_off(self) -> None:
        """Do nothing while topics are being rewritten.

        Raises:
            BrokerError: they are.
        """
        if self.machine:
            raise BrokerError(
                "what was to be forgotten is being removed from the topics, or that was cut off; "
                f"let it end, or run `clawback forget --resume` on {self.machine}"
            )


async def read_mark(gauge: KafkaGauge, reader: KafkaReader, prefix: str) -> Mark:
    """Return how a line stands.

    Raises:
        BrokerError: Kafka did not tell, or the mark can't be read.
    """
    name = f"{prefix}.{TOPIC}"
    if name not in await gauge.topics(name):
        return Mark()
    end = await reader.end(name, 0)
    records = await reader.read(name, 0, end - 1, end) if end else []
    if not records:
        return Mark(end)
    try:
        last = Rewriting.from_bytes(records[0].value or b"")
    except ValidationError as error:
        raise BrokerError(f"the last record of {name} is none of clawback's: {error}") from error
    return Mark(end, last.machine, last.seat) if last.state == "begun" else Mark(end)


def belongs_to_rewriting(topic: str) -> bool:
    """Whether a topic is the mark or a copy, and none of the line's."""
    return topic.endswith((f".{TOPIC}", STAGING))
