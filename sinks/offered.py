"""What was offered to the models of sessions, as the topic `tools` says it.

In the table, under `tools/`:
    definition/<id>                          name, description, parameters, what is cut of them
    offer/<agent>/<session>/<at_ms>/<id>     the ids of the definitions
    newest/<agent>                           the key of the agent's newest offer
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from schemas.table import Table
from schemas.tool import KeyPath, ToolDefinition, ToolOffer

_DEFINITION = "tools/definition/"
_OFFER = "tools/offer/"
_NEWEST = "tools/newest/"

Ids = tuple[str, ...]


class Defined(NamedTuple):
    """A definition, see `schemas.tool.ToolDefinition`."""

    name: str
    description: str
    parameters: dict[str, Any]
    cut: tuple[KeyPath, ...]


def take_tool(record: ToolDefinition | ToolOffer, table: Table) -> None:
    """Take in a record; in whatever order they come, the table is the same."""
    if isinstance(record, ToolDefinition):
        found = Defined(record.name, record.description, record.parameters, record.cut)
        table.put(_DEFINITION + record.id, orjson.dumps(tuple(found)))
        return
    # Ids are hexadecimal and times have all their digits: what sorts last is the newest.
    when = f"{record.at_ms:015d}/{record.id}"
    key = f"{_OFFER}{record.agent}/{record.session}/{when}"
    table.put(key, orjson.dumps(record.tools))
    stored = table.get(_NEWEST + record.agent)
    if stored is None or orjson.loads(stored)[0] < when:
        table.put(_NEWEST + record.agent, orjson.dumps((when, key)))


def definition(definition_id: str, table: Table) -> Defined | None:
    """Return a definition, or None where its record is not there."""
    stored = table.get(_DEFINITION + definition_id)
    if stored is None:
        return None
    name, description, parameters, cut = orjson.loads(stored)
    return Defined(name, description, parameters, tuple(map(tuple, cut)))


def offers_of(agent: str, session: str, table: Table) -> Iterator[tuple[int, Ids]]:
    """Yield what a session's model was offered, and when (epoch milliseconds), in order."""
    prefix = f"{_OFFER}{agent}/{session}/"
    for key, value in table.scan(prefix):
        yield int(key[len(prefix) :].partition("/")[0]), tuple(orjson.loads(value))


def newest_offer(agent: str, table: Table) -> Ids | None:
    """Return what any model of an agent was offered last; None where nothing is known."""
    stored = table.get(_NEWEST + agent)
    found = stored and table.get(orjson.loads(stored)[1])
    return tuple(orjson.loads(found)) if found else None
