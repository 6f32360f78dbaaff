"""`same_request`: asked in the same words at another time or in another session."""

from __future__ import annotations

from schemas.identity import digest
from schemas.settings import Pairs
from schemas.turn import Turn
from sinks.strategies.asked import STANDS_ALONE_BYTES, Asked, normalised
from sinks.strategies.branch import siblings


def key(asked: Asked) -> str:
    """Return what is equal for turns that were asked the same: by the same agent's user or task,
    in the same words, whatever their case and spacing."""
    return digest("request", asked.agent, asked.trigger, normalised(asked.request))


def evidence(better: Turn, worse: Turn, _rules: Pairs) -> str | None:
    """Return what speaks for a pair of two turns of a group, or None for nothing.

    Siblings on one session's tree are the `branch` strategy's.
    """
    if siblings(better, worse):
        return None
    if better.context == worse.context:
        return "same request, same context"
    if len(normalised(better.request).encode()) >= STANDS_ALONE_BYTES:
        return "same request; contexts differ, the prompt has the chosen turn's"
    return None
