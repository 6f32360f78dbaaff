"""A scored turn, and what of it can stand in a training example."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

from schemas.pair import WEIGHTS, ChatMessage, PreferencePair, Side, Strategy, pair_id
from schemas.turn import Turn
from sinks.blame import Blame, blame
from sinks.chat import Said, messages_of, prompt_of, renumbered

NOT_CHOSEN: Final = frozenset({"error", "aborted", "length"})
NOT_REJECTED: Final = frozenset({"error", "aborted"})
"""Stop reasons of messages that a model did not bring to their end. One that ran into the length
limit is the model's own fault, and may be rejected."""


@dataclass(frozen=True)
class Scored:
    """A turn with the panel's score and the judges' words."""

    turn: Turn
    overall: float
    rationales: tuple[str, ...] = ()

    @cached_property
    def said(self) -> list[Said]:
        """The turn as chat messages."""
        return messages_of(self.turn)

    @cached_property
    def fault(self) -> Blame | None:
        """The decision to blame, should the turn be bad."""
        return blame(self.said, self.rationales)

    def prompt(self, index: int) -> tuple[ChatMessage, ...]:
        """Return all that stood before the message of that index."""
        before = (each.message for each in self.said[:index])
        return (*prompt_of(self.turn), *before)

    def number(self, index: int) -> int:
        """Return which decision of the turn, from 1, the message of that index is."""
        return sum(1 for each in self.said[: index + 1] if each.decision is not None)


class Given(NamedTuple):
    """A turn's record with the panel's score and the judges' words."""

    overall: float
    rationales: tuple[str, ...]
    record: bytes

    def scored(self) -> Scored:
        """Return the turn, read."""
        return Scored(Turn.from_bytes(self.record), self.overall, self.rationales)


def teachable(said: Said, *, chosen: bool) -> bool:
    """Say whether a model can learn from a message, to do it or not to."""
    if said.decision is None or not said.whole:
        return False
    return said.decision.stop_reason not in (NOT_CHOSEN if chosen else NOT_REJECTED)


def whole(said: Sequence[Said]) -> bool:
    """Say whether messages can stand in a prompt: the log holds all of each."""
    return all(each.whole for each in said)


def calls_in(messages: Sequence[ChatMessage]) -> int:
    """Return how many calls messages make."""
    return sum(len(message.tool_calls or ()) for message in messages)


def side(scored: Scored, index: int, overall: float | None, calls_before: int) -> Side:
    """Return a decision as a side, its calls numbered on from those of the prompt."""
    return Side(
        turn_id=scored.turn.id,
        session=scored.turn.session,
        decision=scored.number(index),
        messages=(renumbered(scored.said[index].message, calls_before + 1),),
        overall=overall,
    )


def pair(
    strategy: Strategy,
    evidence: str,
    panel: str,
    under: Scored,
    prompt: tuple[ChatMessage, ...],
    chosen: Side,
    rejected: Side,
) -> PreferencePair:
    """Return a pair; `under` is whose prompt it is."""
    margin = None
    if chosen.overall is not None and rejected.overall is not None:
        margin = round(chosen.overall - rejected.overall, 6)
    return PreferencePair(
        id=pair_id(chosen.turn_id, rejected.turn_id, strategy),
        strategy=strategy,
        evidence=evidence,
        panel=panel,
        started_ms=under.turn.started_ms,
        prompt=prompt,
        chosen=chosen,
        rejected=rejected,
        margin=margin,
        weight=WEIGHTS[strategy],
    )
