"""The `tools` topic: what a session's model was offered to call, as OpenClaw wrote it down."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, TypeAdapter

from schemas.identity import digest
from schemas.record import Record

KeyPath = tuple[str, ...]
"""Keys that lead to a place within JSON."""


class ToolDefinition(Record):
    """A tool as an agent's model is told of it.

    `parameters` is a JSON schema, its keys sorted. OpenClaw cuts what is nested deeper than it
    writes down (the values of an `enum`, the `items` of a list): that is left out, which makes the
    schema looser and not wrong, and `cut` says where.
    """

    id: str
    agent: str
    name: str
    description: str
    parameters: dict[str, Any]
    cut: tuple[KeyPath, ...] = ()

    @classmethod
    def of(
        cls,
        agent: str,
        name: str,
        description: str,
        parameters: dict[str, Any],
        cut: tuple[KeyPath, ...],
    ) -> Self:
        """Return a definition; its id is made of all it says."""
        return cls(
            id=digest("tool", agent, name, description, parameters, cut),
            agent=agent,
            name=name,
            description=description,
            parameters=parameters,
            cut=cut,
        )


class ToolOffer(Record):
    """What the model of a session was offered at one time (`at_ms`, epoch milliseconds).

    `tools` are the ids of the definitions in their order. A tool of which nothing usable was
    written down is not among them.
    """

    id: str
    agent: str
    session: str
    at_ms: int
    tools: tuple[str, ...]

    @classmethod
    def of(cls, agent: str, session: str, at_ms: int, tools: tuple[str, ...]) -> Self:
        """Return an offer; its id is made of all it says."""
        return cls(
            id=digest("tool offer", agent, session, at_ms, tools),
            agent=agent,
            session=session,
            at_ms=at_ms,
            tools=tools,
        )


def read_tool(value: bytes) -> ToolDefinition | ToolOffer:
    """Read a value of the topic `tools`.

    Raises:
        pydantic.ValidationError: it is neither.
    """
    return _EITHER.validate_json(value)


_EITHER: TypeAdapter[ToolDefinition | ToolOffer] = TypeAdapter(
    Annotated[ToolDefinition | ToolOffer, Field(union_mode="left_to_right")]
)
