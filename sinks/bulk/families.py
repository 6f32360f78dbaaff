"""Which sessions are of one family: a fork holds the turns of the session it was made from."""

from __future__ import annotations

from collections.abc import Iterable


def families(links: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return for each session that has relatives the name of its family: the first of its sessions.

    Args:
        links: pairs of sessions that hold the same turn.
    """
    parents: dict[str, str] = {}

    def first(session: str) -> str:
        while (parent := parents.setdefault(session, session)) != session:
            # Half of the way each time, so that ways stay short.
            parents[session] = parents[parent]
            session = parent
        return session

    for one, other in links:
        low, high = sorted((first(one), first(other)))
        parents[high] = low
    return {session: first(session) for session in sorted(parents)}
