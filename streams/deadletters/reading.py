"""The dead letters there are, as the topic has them."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from schemas.deadletter import DeadLetter
from schemas.settings import Settings
from schemas.topics import DEADLETTERS
from streams.broker import Broker
from streams.replay.topics import partitions, scan


class NoSuchLetter(Exception):
    """No dead letter has that id, or several have ids that begin so. One line that says which."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter with the key that its topic has it under, and when it came last (epoch
    milliseconds)."""

    key: bytes
    at_ms: int
    record: DeadLetter


async def read_letters(broker: Broker, settings: Settings) -> list[Letter]:
    """Return each dead letter as it was said last, the oldest first. What has been resolved is
    among them; one that came again since is not resolved.

    Raises:
        BrokerError: the broker is not there.
    """
    found: dict[str, Letter] = {}
    for number in range(partitions(broker, DEADLETTERS, settings)):
        async for record in scan(broker, DEADLETTERS, number):
            try:
                letter = DeadLetter.from_bytes(record.value or b"")
            except ValidationError:
                # Somebody else's record: there is no topic for dead letters of dead letters.
                continue
            found[letter.id] = Letter(record.key or b"", record.timestamp_ms, letter)
    return sorted(found.values(), key=lambda letter: (letter.at_ms, letter.record.id))


def find_letter(letters: list[Letter], name: str) -> Letter:
    """Return the letter whose id begins so.

    Raises:
        NoSuchLetter: there is none, or there are several.
    """
    found = [letter for letter in letters if letter.record.id.startswith(name)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise NoSuchLetter(f"there is no dead letter {name!r}; `clawback deadletters list` has all")
    several = ", ".join(letter.record.id[:12] for letter in found[:5])
    raise NoSuchLetter(f"several dead letters begin with {name!r}: {several}")
