"""Which later turns set a bad one right: the user asked again or corrected, and what that began
did well."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

CHAIN: Final = 3
"""How many times in a row the user may have asked again before the turn that did well."""

AsksAgain = Callable[[str, str], bool]
"""Says whether a message asks again for what a request asked, or corrects what was done."""

Reply = tuple[int, str]
"""What the user said after a turn, and when (epoch milliseconds)."""


class Conversations(Protocol):
    """What was said, and how well each turn did. A turn that can be no side is not known here."""

    def replies(self, turn_id: str) -> Sequence[Reply]:
        """Return what the user said after a turn, by time."""

    def began(self, turn_id: str, at_ms: int) -> Sequence[str]:
        """Return the turns of a turn's session that a message of this time began."""

    def request(self, turn_id: str) -> str:
        """Return what a turn was asked."""

    def overall(self, turn_id: str) -> float | None:
        """Return a turn's score, if it has one."""


def mends(
    turn_id: str, said: Conversations, asks_again: AsksAgain, chosen: float
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the good turns at the ends of chains of asking again, the nearest first, each with what
    the user said on the way.

    Args:
        turn_id: the turn that is to be set right.
        said: the conversations.
        asks_again: hears whether the user asks again.
        chosen: the lowest score of a good turn.
    """
    ways: list[tuple[str, tuple[str, ...]]] = [(turn_id, ())]
    seen = {turn_id}
    for _ in range(CHAIN):
        further: list[tuple[str, tuple[str, ...]]] = []
        for at, before in ways:
            for next_id, text in _asked_again(at, said, asks_again):
                if next_id in seen:
                    continue
                seen.add(next_id)
                way = next_id, (*before, text)
                overall = said.overall(next_id)
                if overall is not None and overall >= chosen:
                    yield way
                else:
                    further.append(way)
        ways = further


def _asked_again(
    turn_id: str, said: Conversations, asks_again: AsksAgain
) -> Iterator[tuple[str, str]]:
    for at_ms, text in said.replies(turn_id):
        # Most replies began no turn, which is soon told; listening to one takes longer.
        began = said.began(turn_id, at_ms)
        if began and asks_again(text, said.request(turn_id)):
            for next_id in began:
                yield next_id, text
