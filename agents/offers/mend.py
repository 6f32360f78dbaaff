"""Making a schema usable again that OpenClaw has cut while it wrote it down.

An event's data is written six levels deep, so that of a tool everything below the keywords of a
parameter is missing: where an `enum`, `items` or `anyOf` stood there is
``{"truncated": true, "reason": "trajectory-depth-limit", ...}``. Parameters whose names look like
credentials are left out without a word.

What is cut is left out here with its keyword. A keyword only ever narrows what a schema allows, so
what remains is true and merely allows more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from schemas.tool import KeyPath

MARKS: Final = frozenset(
    [
        "[Truncated]",
        "<truncated>",
        "[Circular]",
        "[Malformed diagnostic JSON redacted]",
        "<redacted>",
        "<redacted payload>",
        "***",
    ]
)
"""What stands in place of a text or of anything else, from OpenClaw's own runtime or Codex'."""

_NAMED: Final = frozenset(
    ["properties", "patternProperties", "dependentSchemas", "$defs", "definitions"]
)
"""Keywords whose members are schemas by a name, and not keywords."""

_REST: Final = "_truncated"
"""The key behind the 64th of an object that has more."""


def is_cut(value: Any) -> bool:
    """Whether a mark stands here in place of what was."""
    if isinstance(value, dict):
        return value.get("truncated") is True and isinstance(value.get("reason"), str)
    return isinstance(value, str) and value in MARKS


def mend(schema: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[KeyPath, ...]]:
    """Return a schema with its keys sorted and without what was cut, and where that was."""
    cut: set[KeyPath] = set()
    mended = _schema(schema, (), cut)
    return mended, tuple(sorted(cut))


def _schema(schema: Mapping[str, Any], at: KeyPath, cut: set[KeyPath]) -> dict[str, Any]:
    mended: dict[str, Any] = {}
    for key in sorted(schema):
        member, place = schema[key], (*at, key)
        if (
            key == _REST
            or is_cut(member)
            or (isinstance(member, list) and any(map(is_cut, member)))
        ):
            cut.add(at if key == _REST else place)
        elif isinstance(member, dict):
            mended[key] = _members(member, place, cut, named=key in _NAMED)
        elif isinstance(member, list):
            mended[key] = [
                _schema(each, (*place, str(number)), cut) if isinstance(each, dict) else each
                for number, each in enumerate(member)
            ]
        else:
            mended[key] = member
    _add_required(mended, at, cut)
    if any((*at, key) in cut for key in _NAMED) and not mended.get("additionalProperties", True):
        # It would forbid what was cut.
        del mended["additionalProperties"]
        cut.add((*at, "additionalProperties"))
    return mended


def _members(
    members: Mapping[str, Any], at: KeyPath, cut: set[KeyPath], *, named: bool
) -> dict[str, Any]:
    if not named:
        return _schema(members, at, cut)
    mended: dict[str, Any] = {}
    for name in sorted(members):
        member = members[name]
        if name == _REST:
            cut.add(at)
        elif is_cut(member):
            cut.add((*at, name))
            mended[name] = {}
        else:
            mended[name] = _schema(member, (*at, name), cut) if isinstance(member, dict) else member
    return mended


def _add_required(schema: dict[str, Any], at: KeyPath, cut: set[KeyPath]) -> None:
    """Add the parameters that are required and were left out without a word."""
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, dict) or not isinstance(required, list):
        return
    missing = [name for name in required if isinstance(name, str) and name not in properties]
    if missing:
        cut.update((*at, "properties", name) for name in missing)
        schema["properties"] = {
            name: properties.get(name, {}) for name in sorted([*properties, *missing])
        }
