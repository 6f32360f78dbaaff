"""What was offered to the models of sessions, as the topic `tools` says it.

OpenClaw says it anew for each run, nearly always the same. So lists of tools are kept once.

In the table, under `tools/`:
    definition/<id>                          name, description, parameters, what is cut of them
    list/<digest>                            ids of definitions
    offer/<agent>/<session>/<at_ms>/<id>     the digest of the list
    newest/<agent>                           when the agent's newest offer was made, and its list
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from schemas.identity import digest
from schemas.table import Table
from schemas.tool import KeyPath, ToolDefinition, ToolOffer

_DEFINITION = "tools/definition/"
_LIST = "tools/list/"
_OFFER = "tools/offer/"
_NEWEST = "tools/newest/"


class Defined(NamedTuple):
    """A definition, see `schemas.tool.ToolDefinition`."""

    name: str
    description: str
    parameters: dict[str, Any]
    cut: tuple[KeyPath, ...]


class Offer(NamedTuple):
    """An offer with its list by digest. `when` is its time and its id: what sorts last is the
    newest."""

    agent: str
    session: str
    when: str
    tools: str


@dataclass(slots=True)
class ToolsRead:
    """What is kept of some records: definitions and lists once, and all offers."""

    definitions: dict[str, bytes] = field(default_factory=dict)
    lists: dict[str, bytes] = field(default_factory=dict)
    offers: list[Offer] = field(default_factory=list)

    def read(self, record: ToolDefinition | ToolOffer) -> None:
        """Take in a record."""
        if isinstance(record, ToolDefinition):
            found = (record.name, record.description, record.parameters, record.cut)
            self.definitions[record.id] = orjson.dumps(found)
            return
        tools = digest("tools", record.tools)
        self.lists[tools] = orjson.dumps(record.tools)
        # Times have all their digits, and ids are hexadecimal.
        when = f"{record.at_ms:015d}/{record.id}"
        self.offers.append(Offer(record.agent, record.session, when, tools))

    def put(self, table: Table) -> None:
        """Put it into a table, which is the same in whatever order things come."""
        for definition_id, stored in self.definitions.items():
            table.put(_DEFINITION + definition_id, stored)
        for tools, stored in self.lists.items():
            table.put(_LIST + tools, stored)
        for agent, session, when, tools in self.offers:
            table.put(f"{_OFFER}{agent}/{session}/{when}", tools.encode())
            newest = table.get(_NEWEST + agent)
            if newest is None or orjson.loads(newest)[0] < when:
                table.put(_NEWEST + agent, orjson.dumps((when, tools)))


def definitions_of(tools: str, table: Table) -> list[Defined]:
    """Return the definitions of a list by its digest, but for those whose records are not there."""
    found = []
    for definition_id in orjson.loads(table.get(_LIST + tools) or b"[]"):
        stored = table.get(_DEFINITION + definition_id)
        if stored is not None:
            name, description, parameters, cut = orjson.loads(stored)
            found.append(Defined(name, description, parameters, tuple(map(tuple, cut))))
    return found


def offers_of(agent: str, session: str, table: Table) -> Iterator[tuple[int, str]]:
    """Yield when a session's model was offered something (epoch milliseconds), in order, and the
    digest of the list."""
    prefix = f"{_OFFER}{agent}/{session}/"
    for key, value in table.scan(prefix):
        yield int(key[len(prefix) :].partition("/")[0]), value.decode()


def newest_offer(agent: str, table: Table) -> str | None:
    """Return the digest of what any model of an agent was offered last; None where nothing is
    known."""
    stored = table.get(_NEWEST + agent)
    return None if stored is None else orjson.loads(stored)[1]
