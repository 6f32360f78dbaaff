"""The schemas of an agent's tools, inferred from the calls that were seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from genson import SchemaBuilder

SAMPLES: Final = 300
"""How many calls of a tool are looked at; the more, the fewer new fields."""

MOST_FIELDS: Final = 40
"""A tool with more fields than that takes a free-form object."""


class ToolBook:
    """What the calls of each agent's tools look like. Memory grows with the number of tools."""

    def __init__(self) -> None:
        self._builders: dict[tuple[str, str], SchemaBuilder] = {}
        self._seen: Counter[tuple[str, str]] = Counter()

    def wants(self, agent: str, names: Iterable[str]) -> bool:
        """Say whether there is more to learn of one of these tools."""
        return any(self._seen[agent, name] < SAMPLES for name in names)

    def see(self, agent: str, messages: Iterable[Mapping[str, Any]]) -> None:
        """Look at the calls in messages."""
        for message in messages:
            for call in message.get("tool_calls") or ():
                function = call["function"]
                key = (agent, function["name"])
                if key not in self._builders:
                    self._builders[key] = SchemaBuilder(schema_uri=None)
                if self._seen[key] < SAMPLES:
                    self._builders[key].add_object(function["arguments"])
                    self._seen[key] += 1

    def schemas(self, agent: str) -> list[dict[str, Any]]:
        """Return the tools of an agent in the chat format, by name."""
        return [
            {
                "type": "function",
                "function": {"name": name, "description": "", "parameters": _parameters(builder)},
            }
            for (owner, name), builder in sorted(self._builders.items(), key=lambda item: item[0])
            if owner == agent
        ]

    @property
    def agents(self) -> list[str]:
        """The agents whose tools were seen."""
        return sorted({agent for agent, _ in self._builders})


def _parameters(builder: SchemaBuilder) -> dict[str, Any]:
    schema: dict[str, Any] = builder.to_schema()
    properties = schema.get("properties", {})
    if len(properties) > MOST_FIELDS:
        return {"type": "object"}
    ordered: dict[str, Any] = {
        "type": "object",
        "properties": {name: properties[name] for name in sorted(properties)},
    }
    if schema.get("required"):
        ordered["required"] = sorted(schema["required"])
    return ordered
