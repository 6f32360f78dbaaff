"""Imports run one way: schemas <- agents, sinks, trainer <- streams."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = {"schemas", "agents", "sinks", "trainer", "streams"}
MAY_IMPORT = {
    "schemas": set(),
    "agents": {"schemas"},
    "sinks": {"schemas"},
    "trainer": {"schemas"},
    "streams": {"schemas", "agents", "sinks", "trainer"},
}


def imported_rooms(source: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names & ROOMS


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_room_imports_only_what_lies_below_it(room: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {other}"
        for path in sorted((ROOT / room).rglob("*.py"))
        for other in sorted(imported_rooms(path.read_text()) - MAY_IMPORT[room] - {room})
    ]
    assert wrong == []


def test_an_import_the_wrong_way_is_seen() -> None:
    assert imported_rooms("def f():\n    from streams.flow import Outgoing\n") == {"streams"}


def test_relative_imports_are_not_used_between_rooms() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.level > 1
    ]
    assert wrong == []
