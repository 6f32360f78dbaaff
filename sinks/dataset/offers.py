"""The tools of a row: those that its model was offered where OpenClaw wrote them down, else those
that calls show."""

from __future__ import annotations

import copy
from bisect import bisect_left
from collections.abc import Iterable
from typing import Any, Final, Literal, NamedTuple

from schemas.table import Table
from schemas.tool import KeyPath
from sinks.dataset.tools import ToolBook
from sinks.offered import Defined, definitions_of, newest_offer, offers_of

Source = Literal["trajectory", "inferred", "mixed"]
"""Where schemas come from: OpenClaw's trajectory files, the calls that were seen, or both."""

MOST: Final = 256
"""Sessions whose offers are kept ready: most rows have one that came before."""

Schema = dict[str, Any]


class Offered(NamedTuple):
    """The tools of a row in the chat format."""

    schemas: list[Schema]
    source: Source


class Key(NamedTuple):
    """What the tools of a row depend on: its agent, the list it was offered (by digest), and the
    tools that it calls beside those."""

    agent: str
    tools: str | None
    others: frozenset[str] = frozenset()


class Offers:
    """Finds the tools of rows.

    Args:
        table: holds what the topic `tools` says (`sinks.offered`).
        inferred: what the calls show. All of them have been looked at when `make` is asked.
    """

    def __init__(self, table: Table, inferred: ToolBook) -> None:
        self._table = table
        self._book = inferred
        self._inferred: dict[str, dict[str, Schema]] = {}
        self._newest: dict[str, str | None] = {}
        self._sessions: dict[tuple[str, str], list[tuple[int, str]]] = {}
        self._names: dict[str, frozenset[str]] = {}

    def key(self, agent: str, session: str, at_ms: int, called: Iterable[str]) -> Key:
        """Return what the tools of a row depend on.

        They are those of the offer to its own session; where nothing is known of that, of the
        agent's newest offer; without any, all tools that the agent was seen to call. A tool that
        the row calls is among them in any case.

        Args:
            agent, session: whose row it is.
            at_ms: when the user's message came.
            called: the tools that are called in the row.
        """
        tools = self._offer(agent, session, at_ms)
        if tools is None:
            return Key(agent, None)
        if tools not in self._names:
            self._names[tools] = frozenset(d.name for d in definitions_of(tools, self._table))
        return Key(agent, tools, frozenset(called) - self._names[tools])

    def for_row(self, agent: str, session: str, at_ms: int, called: Iterable[str]) -> Offered:
        """Return the tools of a row; see `key`."""
        return self.make(self.key(agent, session, at_ms, called))

    def make(self, key: Key) -> Offered:
        """Return the tools of all rows with the same key."""
        inferred = self._of_calls(key.agent)
        found = [] if key.tools is None else definitions_of(key.tools, self._table)
        if not found:
            return Offered([*inferred.values()], "inferred")
        own = [_whole(each, inferred.get(each.name)) for each in found]
        others = [inferred[name] for name in sorted(key.others) if name in inferred]
        schemas = [schema for schema, _ in own] + others
        mixed = bool(others) or any(filled for _, filled in own)
        return Offered(schemas, "mixed" if mixed else "trajectory")

    def of_agents(self) -> dict[str, list[Schema]]:
        """Return by agent what was offered last and all other tools that were called."""
        return {
            agent: self.make(self.key(agent, "", 0, self._of_calls(agent))).schemas
            for agent in self._book.agents
        }

    def _offer(self, agent: str, session: str, at_ms: int) -> str | None:
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
            self._sessions[agent, session] = list(offers_of(agent, session, self._table))
        offers = self._sessions[agent, session]
        if not offers:
            return self._newest[agent]
        number = bisect_left(offers, at_ms, key=lambda offer: offer[0])
        return offers[min(number, len(offers) - 1)][1]

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
