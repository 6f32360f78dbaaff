"""What stands in a snapshot for one pair or one single decision: pure functions of their records.

Most of a snapshot's work is here, shared out by the files and shards of `sinks.bulk`. The rows stay
in files; what has to be known to choose among them goes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, get_args

import orjson
from pydantic_core import from_json, to_json

from schemas.identity import digest
from schemas.pair import Strategy
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
from sinks.dataset.counts import decision_length
from sinks.dataset.near import Sketch, asked_in, sketch
from sinks.dataset.rows import Row, has_long_number, pair_row, plain, unpaired_row
from sinks.dataset.split import Split, common_split
from sinks.example import Scored
from sinks.strategies.unpaired import unpaired

DatasetKind = Literal["pairs", "unpaired"]

ROWS: Final = "rows"
PAIRED: Final = "paired"

_RUNGS: Final = {name: rung for rung, name in enumerate(get_args(Strategy))}


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
    """What examples are made by: the limits, and the pairs."""

    rules: Pairs
    paired: Paired

    @property
    def shards(self) -> Shards:
        """Where everything stands."""
        return self.paired.shards


def pair_examples(making: Making, file: str) -> list[Example]:
    """Return the examples of a file of pairs."""
    shards = making.shards
    with FrameWriter(shards.folder) as writer, SpotReader(shards.folder) as reader:
        return [
            _pair_example(
                making.rules, reader.read(found.spot), found.agent, _rows("pairs", file), writer
            )
            for found in making.paired.found(file)
        ]


def reviewed_examples(making: Making) -> list[Example]:
    """Return the examples of the pairs that persons have spoken about."""
    with FrameWriter(making.shards.folder) as writer:
        return [
            _pair_example(making.rules, pair.to_bytes(), agent, _rows("pairs", "reviewed"), writer)
            for pair, agent in making.paired.reviewed
        ]


def unpaired_examples(making: Making, shard: int) -> list[Example | None]:
    """Return the examples of a shard's scored turns that stand in no chosen pair, by their ids;
    None for each that has no decision to learn from."""
    rules, shards = making.rules, making.shards
    paired = {head for head, _ in frames(shards.folder / paired_file(shard))}
    examples: list[Example | None] = []
    with FrameWriter(shards.folder) as writer:
        for turn, body in whole_turns_of(shards, shard):
            kind = kind_of(turn.overall, rules)
            if turn.overall is not None and kind is not None and turn.turn_id not in paired:
                scored = given_of(turn.overall, body).scored()
                rows = _rows("unpaired", str(shard))
                examples.append(
                    _unpaired_example(rules, scored, rows, writer, good=kind == "chosen")
                )
    return examples


def paired_file(shard: int) -> str:
    """Return the file that names a shard's turns that stand in chosen pairs."""
    return f"{PAIRED}/{shard:04d}"


def _rows(kind: DatasetKind, source: str) -> str:
    return f"{ROWS}/{kind}/{source.replace('/', '-')}"


def _pair_example(
    rules: Pairs, record: bytes, agent: str, file: str, writer: FrameWriter
) -> Example:
    pair = from_json(record)
    row = pair_row(pair)
    sides = (pair["chosen"], pair["rejected"])
    lengths = decision_length(row["chosen"]), decision_length(row["rejected"])
    limit = rules.max_length_ratio * max(1, lengths[1])
    prompt = [(each["role"], each["content"]) for each in pair["prompt"]]
    messages = [*pair["prompt"], *(message for side in sides for message in side["messages"])]
    margin = 0.0 if pair["margin"] is None else pair["margin"]
    rung = f"{0 if pair['reviewed'] else 1}{_RUNGS[pair['strategy']]}"
    # The prompt is the chosen turn's, or else of the same session.
    session = sides[pair["reviewed"] == "swap"]["session"]
    place = (agent, session)
    example = _example("pairs", row, prompt, messages, place, rules, lengths, file, writer)
    return example._replace(
        order=f"{rung}/{20 - margin:06.3f}/{pair['id']}",
        too_long=bool(limit) and lengths[0] > limit,
        sides=tuple(f"side/{side['turn_id']}/{side['decision']}" for side in sides),
        turn_ids=tuple(side["turn_id"] for side in sides),
    )


def _unpaired_example(
    rules: Pairs, scored: Scored, file: str, writer: FrameWriter, *, good: bool
) -> Example | None:
    found = unpaired(scored, good=good)
    if found is None:
        return None
    prompt = [(each.role, each.content) for each in found.prompt]
    messages = [plain(each) for each in (*found.prompt, found.completion)]
    row = unpaired_row(found)
    place = (scored.turn.agent, scored.turn.session)
    return _example("unpaired", row, prompt, messages, place, rules, (0, 0), file, writer)


def _example(
    kind: DatasetKind,
    row: Row,
    prompt: Sequence[tuple[str, str]],
    messages: Iterable[Mapping[str, Any]],
    place: tuple[str, str],
    rules: Pairs,
    lengths: tuple[int, int],
    file: str,
    writer: FrameWriter,
) -> Example:
    agent, session = place
    asked = asked_in(prompt)
    found = sketch(asked)
    split = common_split(row["sessions"], rules)
    names = {
        call["function"]["name"] for message in messages for call in message.get("tool_calls") or ()
    }
    spot = None
    if split is not None:
        kept = Kept(split, lengths, found, to_json(row))
        spot = writer.add(file, None, kept.to_bytes())
    return Example(
        order="",
        at=f"{row['started_ms']:015d}/{row['id']}",
        agent=agent,
        session=session,
        request=f"{kind}/{row.get('label', '')}/{digest('asked', asked)}",
        split=split,
        too_long=False,
        long_number=has_long_number(row),
        sides=(),
        turn_ids=(),
        tools=tuple(sorted(names)),
        sketch=None if split in (None, "train") else found,
        spot=spot,
    )
