"""What a mutation is, and what it may draw on."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from schemas.identity import digest
from schemas.turn import ToolResult, Turn

JUNK_CEILING: Final = 3
"""The highest `overall` that junk deserves: judges worth having gave it 1 to 3, good turns 7 to
9."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call that worked and what came back. `request` is what it was made for."""

    request: str
    arguments: Mapping[str, Any]
    text: str


@dataclass(frozen=True, slots=True)
class Material:
    """What mutations may take from outside a turn: other turns, and calls of every known tool.

    `tools` are in alphabetical order, the calls of each in the order of the turns' ids, so that
    the same turns make the same junk in whatever order they come.
    """

    turns: tuple[Turn, ...]
    tools: Mapping[str, tuple[Exchange, ...]]

    @classmethod
    def of(cls, turns: Iterable[Turn]) -> Material:
        """Gather it from turns."""
        ordered = tuple(sorted(turns, key=lambda turn: turn.id))
        tools: dict[str, list[Exchange]] = {}
        for turn in ordered:
            results = {result.call_id: result for result in turn.results if usable(result)}
            for call in turn.calls:
                if (result := results.get(call.id)) is not None:
                    tools.setdefault(call.name, []).append(
                        Exchange(said(turn.request), call.arguments, result.text)
                    )
        return cls(ordered, {name: tuple(tools[name]) for name in sorted(tools)})

    def exchanges(self, tool: str, turn: Turn) -> tuple[Exchange, ...]:
        """Return the calls of a tool that were made for other requests than this turn's."""
        own = said(turn.request)
        return tuple(e for e in self.tools.get(tool, ()) if e.request != own)


@dataclass(frozen=True, slots=True)
class Change:
    """A spoilt turn and, in words, what was done to it."""

    turn: Turn
    what: str


@dataclass(frozen=True, slots=True)
class Mutation:
    """A way to spoil a turn.

    `apply` returns None where the turn has nothing that could be spoilt so. `ceiling` is the
    highest `overall` (1 to 10) the result deserves. `meaning` says for a person what the
    assistant seems to have done; `source` where the idea and its proportions come from. One that
    is `on_junk` is put on a turn that another mutation has spoilt. `parts` is its part of the junk
    beside the others' one each.
    """

    name: str
    meaning: str
    source: str
    apply: Callable[[Turn, random.Random, Material], Change | None]
    ceiling: int = JUNK_CEILING
    on_junk: bool = False
    parts: int = 1


def mutate(mutation: Mutation, turn: Turn, material: Material, seed: int) -> Change | None:
    """Return the turn spoilt by a mutation, or None where that does not apply to it.

    The same arguments give the same turn on every machine. The original is not touched. The new
    id is hashed under a kind of its own, so that it is never that of a turn out of a session. The
    user's reaction is left out, since it was to other work.
    """
    # A string seeds by SHA-512 of its bytes, whatever PYTHONHASHSEED says.
    dice = random.Random(f"{seed}/{mutation.name}/{turn.id}")
    change = mutation.apply(turn, dice, material)
    if change is None:
        return None
    identity = digest("calibration-junk", mutation.name, seed, turn.id)
    return Change(change.turn.model_copy(update={"id": identity, "reaction": None}), change.what)


def said(request: str) -> str:
    """Return a request in the spelling by which requests are compared."""
    return " ".join(request.casefold().split())


def usable(result: ToolResult) -> bool:
    """Return whether a tool answered, and with something."""
    failed = result.is_error or bool(result.exit_code) or result.synthetic or result.orphan
    return not failed and bool(result.text.strip())
