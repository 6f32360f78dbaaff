"""What stands in a snapshot for one pair or one single decision: pure functions of their records.

Most of a snapshot's work is here, shared out by the files and shards of `sinks.bulk`. The rows stay
in files; what has to be known to choose among them goes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

import orjson
from pydantic_core import to_json

from schemas.identity import digest
from schemas.settings import Pairs
from sinks.bulk import (
    FrameWriter,
    Paired,
    Shards,
    Spot,
    SpotReader,
    given_of,
    kind_of,
    whole_turns_of,
)
from sinks.bulk.frames import frames
from sinks.dataset.draft import Draft, pair_draft, unpaired_draft
from sinks.dataset.near import Sketch, sketches
from sinks.dataset.rows import has_long_number
from sinks.dataset.split import Split, common_split

ROWS: Final = "rows"
PAIRED: Final = "paired"

SKETCHED: Final = 64
"""Texts that are sketched together."""


class Kept(NamedTuple):
    """A row as it stands in a file, as JSON and without the tools, with what is needed to write
    it. `lengths` are those of a pair's sides in characters."""

    split: Split
    lengths: tuple[int, int]
    sketch: Sketch
    row: bytes

    def to_bytes(self) -> bytes:
        """Return what goes into the file."""
        head = (self.split, self.lengths, self.sketch)
        return orjson.dumps(head, default=tuple) + b"\n" + self.row

    @classmethod
    def from_bytes(cls, value: bytes) -> Kept:
        """Read what stands in the file."""
        head, _, row = value.partition(b"\n")
        split, lengths, found = orjson.loads(head)
        return cls(split, tuple(lengths), Sketch(*found), row)


class Example(NamedTuple):
    """What has to be known of an example to choose it.

    Pairs are chosen by `order`; rows stand in the files by `at`. `agent` and `session` are those
    that its prompt is from. `request` is equal for those that count together against the limit of a
    prompt. `split` is None where its sessions are of two, and then it has no row. `sides` and
    `turn_ids` are those of a pair; `tools` are the names of the tools it calls. `sketch` is what is
    not trained on if this is kept back, else None.
    """

    order: str
    at: str
    agent: str
    session: str
    request: str
    split: Split | None
    too_long: bool
    long_number: bool
    sides: tuple[str, ...]
    turn_ids: tuple[str, ...]
    tools: tuple[str, ...]
    sketch: Sketch | None
    spot: Spot | None

    def to_bytes(self) -> bytes:
        """Return what goes into a table."""
        return orjson.dumps(self, default=tuple)

    @classmethod
    def from_bytes(cls, value: bytes) -> Example:
        """Read what stands in a table."""
        *fields, found, spot = orjson.loads(value)
        return cls._make((*fields, found and Sketch(*found), spot and Spot(*spot)))


@dataclass(frozen=True)
class Making:
    """What examples are made by: the limits, the pairs, the families of sessions."""

    rules: Pairs
    paired: Paired
    families: Mapping[str, str]

    @property
    def shards(self) -> Shards:
        """Where everything stands."""
        return self.paired.shards


def pair_examples(making: Making, file: str) -> list[Example]:
    """Return the examples of a file of pairs."""
    with FrameWriter(making.shards.folder) as writer, SpotReader(making.shards.folder) as reader:
        drafts = (
            pair_draft(reader.read(found.spot), found.agent, making.rules)
            for found in making.paired.found(file)
        )
        return list(_examples(drafts, making, f"{ROWS}/{file}", writer))


def unpaired_examples(making: Making, shard: int) -> tuple[list[Example], int]:
    """Return the examples of a shard's scored turns that stand in no chosen pair, by their ids, and
    how many more have no decision to learn from."""
    others = 0

    def found() -> Iterator[Draft]:
        nonlocal others
        for draft in _unpaired_drafts(making, shard):
            if draft is None:
                others += 1
            else:
                yield draft

    with FrameWriter(making.shards.folder) as writer:
        file = f"{ROWS}/unpaired-{shard:04d}"
        return list(_examples(found(), making, file, writer)), others


def paired_file(shard: int) -> str:
    """Return the file that names a shard's turns that stand in chosen pairs."""
    return f"{PAIRED}/{shard:04d}"


def _unpaired_drafts(making: Making, shard: int) -> Iterator[Draft | None]:
    paired = {head for head, _ in frames(making.shards.folder / paired_file(shard))}
    for turn, body in whole_turns_of(making.shards, shard):
        kind = kind_of(turn.overall, making.rules)
        if turn.overall is not None and kind is not None and turn.turn_id not in paired:
            scored = given_of(turn.overall, body).scored()
            yield unpaired_draft(scored, good=kind == "chosen")


def _examples(
    drafts: Iterable[Draft], making: Making, file: str, writer: FrameWriter
) -> Iterator[Example]:
    waiting = iter(drafts)
    while batch := list(islice(waiting, SKETCHED)):
        for draft, found in zip(batch, sketches([each.asked for each in batch]), strict=True):
            yield _example(draft, found, making, file, writer)


def _example(
    draft: Draft, sketch: Sketch, making: Making, file: str, writer: FrameWriter
) -> Example:
    row = draft.row
    split = common_split(row["sessions"], making.rules, making.families)
    spot = None
    if split is not None:
        kept = Kept(split, draft.lengths, sketch, to_json(row))
        spot = writer.add(file, None, kept.to_bytes())
    return Example(
        draft.order,
        f"{row['started_ms']:015d}/{row['id']}",
        draft.agent,
        draft.session,
        f"{draft.kind}/{row.get('label', '')}/{digest('asked', draft.asked)}",
        split,
        draft.too_long,
        has_long_number(row),
        draft.sides,
        draft.turn_ids,
        draft.tools,
        None if split in (None, "train") else sketch,
        spot,
    )
