"""The tools of a row: those that its model was offered where OpenClaw wrote them down, else those
that calls show."""

from __future__ import annotations

import copy
from bisect import bisect_left
from collections.abc import Iterable
from typing import Any, Final, Literal, NamedTuple

from schemas.table import Table
from schemas.tool import KeyPath
from sinks.dataset.rows import texts
from sinks.dataset.tools import ToolBook
from sinks.offered import Defined, Ids, definition, newest_offer, offers_of

Source = Literal["trajectory", "inferred", "mixed"]
"""Where schemas come from: OpenClaw's trajectory files, the calls that were seen, or both."""

MOST: Final = 256
"""Lists of tools, and sessions, that are kept ready: most rows have one that came before."""

Schema = dict[str, Any]


class Offered(NamedTuple):
    """The tools of a row in the chat format, and each as JSON."""

    schemas: list[Schema]
    texts: list[str]
    source: Source


class Offers:
    """Finds the tools of rows.

    Args:
        table: holds what the topic `tools` says (`sinks.offered`).
        inferred: what the calls show. All of them have been looked at.
    """

    def __init__(self, table: Table, inferred: ToolBook) -> None:
        self._table = table
        self._book = inferred
        self._inferred: dict[str, dict[str, Schema]] = {}
        self._newest: dict[str, Ids | None] = {}
        self._sessions: dict[tuple[str, str], list[tuple[int, Ids]]] = {}
        self._ready: dict[tuple[str, Ids | None, frozenset[str]], Offered] = {}

    def for_row(self, agent: str, session: str, at_ms: int, called: Iterable[str]) -> Offered:
        """Return the tools of a row.

        They are those of the offer to its own session; where nothing is known of that, of the
        agent's newest offer; without any, all tools that the agent was seen to call. A tool that
        the row calls is among them in any case.

        Args:
            agent, session: whose row it is.
            at_ms: when the user's message came.
            called: the tools that are called in the row.
        """
        offer = self._offer(agent, session, at_ms)
        key = (agent, offer, frozenset(called) if offer is not None else frozenset())
        if key not in self._ready:
            if len(self._ready) >= MOST:
                self._ready.clear()
            self._ready[key] = self._make(*key)
        return self._ready[key]

    def of_agents(self) -> dict[str, list[Schema]]:
        """Return by agent what was offered last and all other tools that were called."""
        return {
            agent: self.for_row(agent, "", 0, self._of_calls(agent)).schemas
            for agent in self._book.agents
        }

    def _offer(self, agent: str, session: str, at_ms: int) -> Ids | None:
        """Return what a message that came at that time was answered with.

        OpenClaw writes an offer down once it has the message and before it asks the model, so it
        is the first one behind the message; behind the last offer it is the last.
        """
        if agent not in self._newest:
            self._newest[agent] = newest_offer(agent, self._table)
        if self._newest[agent] is None:
            return None
        if (agent, session) not in self._sessions:
            if len(self._sessions) >= MOST:
                self._sessions.clear()
            same: dict[Ids, Ids] = {}
            self._sessions[agent, session] = [
                (when, same.setdefault(ids, ids))
                for when, ids in offers_of(agent, session, self._table)
            ]
        offers = self._sessions[agent, session]
        if not offers:
            return self._newest[agent]
        number = bisect_left(offers, at_ms, key=lambda offer: offer[0])
        return offers[min(number, len(offers) - 1)][1]

    def _make(self, agent: str, offer: Ids | None, called: frozenset[str]) -> Offered:
        inferred = self._of_calls(agent)
        found = [each for one in offer or () if (each := definition(one, self._table)) is not None]
        if not found:
            return Offered([*inferred.values()], texts([*inferred.values()]), "inferred")
        own = [_whole(each, inferred.get(each.name)) for each in found]
        offered = {each.name for each in found}
        others = [inferred[name] for name in sorted(called - offered) if name in inferred]
        schemas = [schema for schema, _ in own] + others
        mixed = bool(others) or any(filled for _, filled in own)
        return Offered(schemas, texts(schemas), "mixed" if mixed else "trajectory")

    def _of_calls(self, agent: str) -> dict[str, Schema]:
        if agent not in self._inferred:
            self._inferred[agent] = {
                each["function"]["name"]: each for each in self._book.schemas(agent)
            }
        return self._inferred[agent]


def _whole(defined: Defined, inferred: Schema | None) -> tuple[Schema, bool]:
    """Return a tool in the chat format, and whether what OpenClaw cut was filled in from calls."""
    parameters, filled = copy.deepcopy(defined.parameters), False
    if inferred is not None:
        for keys in defined.cut:
            filled |= _fill(parameters, keys, inferred["function"]["parameters"])
    function = {
        "name": defined.name,
        "description": defined.description,
        "parameters": parameters,
    }
    return {"type": "function", "function": function}, filled


def _fill(parameters: Schema, keys: KeyPath, inferred: Schema) -> bool:
    """Take one place over from the schema of the calls; return whether that has it."""
    place: Any = parameters
    found: Any = inferred
    for key in keys[:-1]:
        place = place.get(key) if isinstance(place, dict) else None
        found = found.get(key) if isinstance(found, dict) else None
    last = keys[-1]
    if not isinstance(place, dict) or not isinstance(found, dict) or last not in found:
        return False
    value, there = found[last], place.get(last)
    # Of properties without the rest, those that are there are OpenClaw's.
    place[last] = {**value, **there} if isinstance(there, dict) else value
    return True
