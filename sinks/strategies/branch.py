"""`branch`: the same prompt in the same session, answered twice.

Siblings on the session's tree: the user had the answer made again, or sent the same message again
from the same point.
"""

from __future__ import annotations

from schemas.identity import digest
from schemas.settings import Pairs
from schemas.turn import Turn
from sinks.strategies.asked import Asked, normalised


def key(asked: Asked) -> str:
    """Return what is equal for turns with the same prompt in one session."""
    words = normalised(asked.request)
    return digest("branch", asked.agent, asked.session, asked.trigger, words, asked.context)


def evidence(better: Turn, worse: Turn, _rules: Pairs) -> str | None:
    """Return what speaks for a pair of two turns of a group, or None for nothing."""
    return "siblings" if siblings(better, worse) else None


def siblings(better: Turn, worse: Turn) -> bool:
    """Say whether two turns were asked the same at the same point of one session."""
    return (
        better.session == worse.session
        and better.context == worse.context
        and normalised(better.request) == normalised(worse.request)
    )
