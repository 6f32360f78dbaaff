"""Which model served when, and the way back.

Every change is a line that names the one before it. The line is written first and `current` after
it, so a kill in between leaves a line that `current` does not lead to: a change that never was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError


class Change(BaseModel):
    """One change of what serves.

    `number` counts from 1 and `parent` is the change it follows, 0 for none. `model` serves from
    then on and `before` did until then, "" for the base. `at_ms` is epoch milliseconds; `who` and
    `why` are for a person.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: int
    parent: int
    kind: Literal["promote", "rollback"]
    model: str
    before: str
    at_ms: int
    who: str
    why: str = ""


class Current(BaseModel):
    """The model that serves, "" for the base, and the number of the change that made it so."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = ""
    change: int = 0


def read_lines(lines: Iterable[bytes]) -> dict[int, Change]:
    """Return the changes by number; what a kill left of a line is passed over."""
    changes: dict[int, Change] = {}
    for line in lines:
        try:
            change = Change.model_validate_json(line)
        except ValidationError:
            continue
        changes[change.number] = change
    return changes


def taken(changes: Mapping[int, Change], current: Current) -> list[Change]:
    """Return the changes that lead to `current`, the oldest first, as far back as they go."""
    way: list[Change] = []
    number = current.change
    while change := changes.get(number):
        way.append(change)
        number = min(change.parent, number - 1)
    way.reverse()
    return way


def before_last(way: Sequence[Change]) -> str | None:
    """Return what a rollback goes back to: "" for the base, None where nothing was promoted.

    Promotions pile up and a rollback takes the topmost away, so that two rollbacks go back two
    promotions, and not to and fro.
    """
    pile = [way[0].before] if way and way[0].before else []
    for change in way:
        if change.kind == "promote":
            pile.append(change.model)
        elif pile:
            pile.pop()
    if not pile:
        return None
    return pile[-2] if len(pile) > 1 else ""
