"""The labelled set: good turns of the user's own, and junk made from them, frozen in one file.

Both halves hold the same requests, so that a judge can only tell them apart by the work. No item
carries the user's reaction: the good turns would have one and junk could not, and a judge that
reads "thanks!" has not judged the work.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import orjson
from pydantic import ValidationError

from agents.judges.calibration.mutations import MUTATIONS, Change, Material, Mutation, mutate
from agents.judges.calibration.mutations.base import said
from schemas.identity import digest
from schemas.record import Part
from schemas.turn import Turn

FEWEST_GOOD: Final = 2
"""Good turns below which there is nothing to mutate with: some mutations need another's work."""

FORMAT: Final = "clawback-labelled-set-1"


class NotEnoughTurns(ValueError):
    """There are too few good turns to make a set of."""


class CorruptSet(ValueError):
    """A file that holds no labelled set, or one that was changed since it was frozen."""


class Item(Part):
    """One labelled turn.

    `origin` is the id of the user's turn it was made from: items of one origin are not
    independent. `mutation` is empty for a good turn; `change` says what was done to junk. `base`
    is the turn id of the same junk without the injection. `ceiling` is the highest `overall` the
    turn deserves, 1 to 10.
    """

    turn: Turn
    good: bool
    origin: str
    mutation: str = ""
    change: str = ""
    base: str = ""
    ceiling: int = 10


@dataclass(frozen=True)
class LabelledSet:
    """Items in the order they are asked, and what identifies them.

    `fingerprint` is a hash of every item in its order: two calibrations with the same one put
    the same questions.
    """

    items: tuple[Item, ...]
    seed: int
    fingerprint: str

    @classmethod
    def of(cls, items: Iterable[Item], seed: int) -> LabelledSet:
        """Freeze items."""
        kept = tuple(items)
        lines = [item.model_dump_json() for item in kept]
        return cls(kept, seed, digest("labelled-set", seed, lines))

    @property
    def good(self) -> tuple[Item, ...]:
        """The items labelled good."""
        return tuple(item for item in self.items if item.good)

    @property
    def junk(self) -> tuple[Item, ...]:
        """The items labelled junk."""
        return tuple(item for item in self.items if not item.good)

    def save(self, path: Path) -> None:
        """Write the set as JSONL, a header first; the file is whole or not there at all."""
        header = {"format": FORMAT, "seed": self.seed, "fingerprint": self.fingerprint}
        lines = [orjson.dumps(header), *(item.model_dump_json().encode() for item in self.items)]
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.new")
        unfinished.write_bytes(b"\n".join(lines) + b"\n")
        os.replace(unfinished, path)

    @classmethod
    def load(cls, path: Path) -> LabelledSet:
        """Read a frozen set.

        Raises:
            CorruptSet: the file holds something else, or its items are not those it was frozen
                with.
            OSError: the file cannot be read.
        """
        first, _, rest = path.read_bytes().partition(b"\n")
        try:
            header = orjson.loads(first)
            known = isinstance(header, dict) and header.get("format") == FORMAT
            seed = int(header["seed"]) if known else 0
            items = [Item.model_validate_json(line) for line in rest.splitlines()] if known else []
        except (orjson.JSONDecodeError, ValidationError, KeyError, TypeError, ValueError) as error:
            raise CorruptSet(f"{path} cannot be read as a labelled set: {error}") from error
        if not known:
            raise CorruptSet(f"{path} is no labelled set")
        loaded = cls.of(items, seed)
        if loaded.fingerprint != header.get("fingerprint"):
            raise CorruptSet(f"{path} was changed after it was frozen: its fingerprint differs")
        return loaded


def build(
    good: Sequence[Turn],
    *,
    size: int = 180,
    seed: int = 0,
    mutations: Sequence[Mutation] = MUTATIONS,
) -> LabelledSet:
    """Make a balanced set out of good turns.

    Half of the items are good; the junk half is spread over the mutations by their parts. A
    mutation is put on a turn once; one that applies to too few leaves its part to the others. The
    same turns and seed make the same set, in whatever order the turns come.

    Args:
        good: turns that are known to be good (`clean` finds such). Copies count once.
        size: items wanted; fewer where there are fewer than `size / 2` good turns.
        seed: chooses the turns, the mutations' details and the order.
        mutations: what junk is made by.

    Raises:
        NotEnoughTurns: fewer than two different requests among the good turns.
        ValueError: `size` is below 2.
    """
    if size < 2:
        raise ValueError(f"a set needs a good turn and a bad one, and size is {size}")
    turns = list({turn.id: turn for turn in sorted(good, key=lambda t: t.id)}.values())
    requests = len({said(turn.request) for turn in turns})
    if requests < FEWEST_GOOD:
        raise NotEnoughTurns(
            f"calibration needs good turns with at least {FEWEST_GOOD} different requests; "
            f"there are {requests}"
        )
    dice = random.Random(f"labelled-set/{seed}")
    dice.shuffle(turns)
    chosen = turns[: size // 2]
    junk = _junk(chosen, Material.of(turns), len(chosen), seed, mutations)
    items = [Item(turn=_silent(turn), good=True, origin=turn.id) for turn in chosen] + junk
    dice.shuffle(items)
    return LabelledSet.of(items, seed)


def _silent(turn: Turn) -> Turn:
    return turn.model_copy(update={"reaction": None})


def _junk(
    turns: Sequence[Turn], material: Material, wanted: int, seed: int, mutations: Sequence[Mutation]
) -> list[Item]:
    """Take the mutations in turn, each with the next turn it applies to, until there is enough."""
    made: list[Item] = []
    supply: dict[str, Iterator[Item]] = {}
    for at, mutation in enumerate(mutations):
        if mutation.on_junk:
            supply[mutation.name] = _spoilt_again(mutation, made, material, seed)
        else:
            # Each starts somewhere else, so that no turn makes junk of every kind while another
            # makes none.
            start = at * len(turns) // len(mutations)
            rotated = [*turns[start:], *turns[:start]]
            supply[mutation.name] = _spoilt(mutation, rotated, material, seed)
    while len(made) < wanted:
        before = len(made)
        for mutation in mutations:
            made.extend(tuple(islice(supply[mutation.name], mutation.parts)))
        if len(made) == before:
            break
    return made[:wanted]


def _spoilt(
    mutation: Mutation, turns: Sequence[Turn], material: Material, seed: int
) -> Iterator[Item]:
    for turn in turns:
        change = mutate(mutation, turn, material, seed)
        if change is not None:
            yield _item(change, mutation, origin=turn.id, ceiling=mutation.ceiling)


def _spoilt_again(
    mutation: Mutation, made: Sequence[Item], material: Material, seed: int
) -> Iterator[Item]:
    """Go through the junk that other mutations have made so far, while it grows."""
    at = 0
    while at < len(made):
        junk = made[at]
        at += 1
        if junk.base:
            continue
        change = mutate(mutation, junk.turn, material, seed)
        if change is not None:
            what = f"{junk.change}; {change.what}"
            yield _item(
                Change(change.turn, what), mutation, junk.origin, junk.ceiling, base=junk.turn.id
            )


def _item(change: Change, mutation: Mutation, origin: str, ceiling: int, base: str = "") -> Item:
    return Item(
        turn=change.turn,
        good=False,
        origin=origin,
        mutation=mutation.name,
        change=change.what,
        base=base,
        ceiling=ceiling,
    )
