"""The event of OpenClaw's trajectory files that says what a model is given.

A trajectory file (``<session>.trajectory.jsonl``, OpenClaw 2026.5 to 2026.7) has one event a line:
``{"traceSchema": "openclaw-trajectory", "type": ..., "ts": ..., "data": {...}}``. Once for each
prompt comes ``context.compiled``, whose ``data.tools`` lists what is offered as name, description
and parameters, sorted by name. An event of more than 256 kB is written without its data.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from agents.offers.mend import is_cut, mend
from schemas.tool import KeyPath

TYPE: Final = "context.compiled"
_TYPE: Final = TYPE.encode()


class OfferedTool(NamedTuple):
    """A tool. `cut` says where its parameters are not whole, see `agents.offers.mend`."""

    name: str
    description: str
    parameters: dict[str, Any]
    cut: tuple[KeyPath, ...]


class Offered(NamedTuple):
    """What was offered at one time (epoch milliseconds)."""

    at_ms: int
    tools: tuple[OfferedTool, ...]


class UnusableEvent(Exception):
    """It offers tools and does not say when. One line that says what is wrong."""


def is_offer(line: bytes) -> bool:
    """Whether a line may be such an event. Most lines are not, and need not be parsed."""
    return _TYPE in line


def offered(event: Mapping[str, Any]) -> Offered | None:
    """Return what an event says was offered; None if it says nothing of it.

    Raises:
        UnusableEvent: it has no time.
    """
    data = event.get("data")
    tools = data.get("tools") if event.get("type") == TYPE and isinstance(data, dict) else None
    if not isinstance(tools, list):
        return None
    found = tuple(filter(None, map(_tool, tools)))
    return Offered(_at_ms(event.get("ts")), found) if found else None


def _tool(tool: Any) -> OfferedTool | None:
    """Return a tool, or None where nothing is known of what it takes."""
    if not isinstance(tool, dict) or is_cut(tool):
        return None
    name, description, parameters = (
        tool.get(each) for each in ("name", "description", "parameters")
    )
    if not isinstance(name, str) or not name or is_cut(name):
        return None
    if not isinstance(parameters, dict) or is_cut(parameters):
        return None
    if not isinstance(description, str) or is_cut(description):
        description = ""
    return OfferedTool(name, description, *mend(parameters))


def _at_ms(value: Any) -> int:
    try:
        at = datetime.fromisoformat(value)
        return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    except (TypeError, ValueError, OverflowError):
        raise UnusableEvent(f"{TYPE} has no time that can be read (ts)") from None
