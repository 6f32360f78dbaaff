"""What stands in a snapshot for one pair or one single decision: pure functions of their records.

Most of a snapshot's work is here, and none of it needs the table, so it can be shared out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import orjson
from pydantic_core import from_json, to_json

from schemas.identity import digest
from schemas.settings import Pairs
from sinks.dataset.counts import decision_length
from sinks.dataset.near import Sketch, asked_in, sketch
from sinks.dataset.rows import Row, has_long_number, pair_row, plain, unpaired_row
from sinks.dataset.split import Split, common_split
from sinks.example import Given
from sinks.strategies.unpaired import unpaired

DatasetKind = Literal["pairs", "unpaired"]


class Kept(NamedTuple):
    """An example as it is kept until the files are written. `session` is the one its prompt is
    from, `tools` are the names of the tools it calls. `lengths` are those of a pair's sides in
    characters; `row` is JSON, without the tools."""

    split: Split
    agent: str
    session: str
    tools: tuple[str, ...]
    lengths: tuple[int, int]
    sketch: Sketch
    row: bytes

    def to_bytes(self) -> bytes:
        """Return what goes into the table."""
        head = (*self[:5], tuple(self.sketch))
        return orjson.dumps(head) + b"\n" + self.row

    @classmethod
    def from_bytes(cls, value: bytes) -> Kept:
        """Read what was put into the table."""
        head, _, row = value.partition(b"\n")
        split, agent, session, tools, lengths, found = orjson.loads(head)
        return cls(split, agent, session, tuple(tools), tuple(lengths), Sketch(*found), row)


class Example(NamedTuple):
    """An example that may go into the snapshot.

    `at` sorts as the files do. `request` is equal for those that count together against the limit
    of a prompt. `split` is None where its sessions are of two. `sides` and `turn_ids` are those of
    a pair; `tools` are the names of the tools it calls. `sketch` is what is not trained on if this
    is kept back, else None. `kept` is a `Kept` as bytes.
    """

    at: str
    agent: str
    request: str
    split: Split | None
    too_long: bool
    long_number: bool
    sides: tuple[str, ...]
    turn_ids: tuple[str, ...]
    tools: frozenset[str]
    sketch: Sketch | None
    kept: bytes


def pair_example(rules: Pairs, found: tuple[bytes, str]) -> Example:
    """Return the example of a pair.

    Args:
        rules: the limits and the shares of the splits.
        found: the pair's record, and the agent and session that its prompt is from, with a slash
            between.
    """
    pair, place = from_json(found[0]), found[1]
    row = pair_row(pair)
    sides = (pair["chosen"], pair["rejected"])
    lengths = decision_length(row["chosen"]), decision_length(row["rejected"])
    limit = rules.max_length_ratio * max(1, lengths[1])
    prompt = [(each["role"], each["content"]) for each in pair["prompt"]]
    messages = [*pair["prompt"], *(message for side in sides for message in side["messages"])]
    return _example(
        "pairs",
        row,
        prompt,
        messages,
        place,
        rules,
        lengths=lengths,
        too_long=bool(limit) and lengths[0] > limit,
        sides=tuple(f"side/{side['turn_id']}/{side['decision']}" for side in sides),
        turn_ids=tuple(side["turn_id"] for side in sides),
    )


def unpaired_example(rules: Pairs, turn: tuple[Given, bool]) -> Example | None:
    """Return the example of a turn that stands in no pair; None if it has no decision to learn
    from.

    Args:
        rules: the limits and the shares of the splits.
        turn: the turn, and whether it is a good one.
    """
    given, good = turn
    scored = given.scored()
    found = unpaired(scored, good=good)
    if found is None:
        return None
    prompt = [(each.role, each.content) for each in found.prompt]
    messages = [plain(each) for each in (*found.prompt, found.completion)]
    place = f"{scored.turn.agent}/{scored.turn.session}"
    return _example("unpaired", unpaired_row(found), prompt, messages, place, rules)


def _example(
    kind: DatasetKind,
    row: Row,
    prompt: Sequence[tuple[str, str]],
    messages: Iterable[Mapping[str, Any]],
    place: str,
    rules: Pairs,
    *,
    lengths: tuple[int, int] = (0, 0),
    too_long: bool = False,
    sides: tuple[str, ...] = (),
    turn_ids: tuple[str, ...] = (),
) -> Example:
    asked = asked_in(prompt)
    found = sketch(asked)
    split = common_split(row["sessions"], rules)
    agent, _, session = place.partition("/")
    tools = {
        call["function"]["name"] for message in messages for call in message.get("tool_calls") or ()
    }
    kept = (agent, session, tuple(sorted(tools)), lengths, found)
    return Example(
        at=f"{row['started_ms']:015d}/{row['id']}",
        agent=agent,
        request=f"{kind}/{row.get('label', '')}/{digest('asked', asked)}",
        split=split,
        too_long=too_long,
        long_number=has_long_number(row),
        sides=sides,
        turn_ids=turn_ids,
        tools=frozenset(tools),
        sketch=None if split in (None, "train") else found,
        kept=b"" if split is None else Kept(split, *kept, to_json(row)).to_bytes(),
    )
